"""The cost of a run, and the lowest possible cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metrics:
    """The cost of the run, in seconds and bytes. Reports of older versions lack CPU seconds; these are 0 then.

    cpu_s           CPU seconds of the whole run: `setup_cpu_s` until the first case, then `initializer_cpu_s` for
                    all calls of the initializer, `reference_cpu_s` for the reference clients measured next to it,
                    `servers_cpu_s` for servers and the gateway, and `harness_cpu_s` for everything else.
    cores           number of cores that the run could use; 0 in reports of older versions.
    utilisation     cpu_s / (wall_s * cores).
    longest_case_s  duration of the longest case, without the time it waited for a core or for another case.
    bound_s         max(cpu_s / cores, longest_case_s): no schedule of these cases can finish earlier.
    """

    wall_s: float = 0.0
    setup_s: float = 0.0
    cpu_s: float = 0.0
    setup_cpu_s: float = 0.0
    initializer_cpu_s: float = 0.0
    reference_cpu_s: float = 0.0
    servers_cpu_s: float = 0.0
    harness_cpu_s: float = 0.0
    cores: int = 0
    utilisation: float = 0.0
    longest_case_s: float = 0.0
    bound_s: float = 0.0
    workers: int = 1
    calls: int = 0
    peak_memory_bytes: int = 0

    @classmethod
    def measured(
        cls,
        *,
        wall_s: float,
        setup_s: float,
        cpu_s: float,
        setup_cpu_s: float,
        initializer_cpu_s: float,
        reference_cpu_s: float,
        servers_cpu_s: float,
        cores: int,
        longest_case_s: float,
        workers: int,
        calls: int,
        peak_memory_bytes: int,
    ) -> Metrics:
        """Return the metrics of a run. `wall_s` and `cpu_s` cover all of it; other CPU seconds are parts of `cpu_s`."""
        harness_cpu_s = max(cpu_s - setup_cpu_s - initializer_cpu_s - reference_cpu_s - servers_cpu_s, 0.0)
        cores, workers = max(cores, 1), max(workers, 1)
        return cls(
            wall_s=round(wall_s, 3),
            setup_s=round(setup_s, 3),
            cpu_s=round(cpu_s, 3),
            setup_cpu_s=round(setup_cpu_s, 3),
            initializer_cpu_s=round(initializer_cpu_s, 3),
            reference_cpu_s=round(reference_cpu_s, 3),
            servers_cpu_s=round(servers_cpu_s, 3),
            harness_cpu_s=round(harness_cpu_s, 3),
            cores=cores,
            utilisation=round(cpu_s / (wall_s * cores), 4) if wall_s else 0.0,
            longest_case_s=round(longest_case_s, 3),
            bound_s=round(max(cpu_s / cores, longest_case_s), 3),
            workers=workers,
            calls=calls,
            peak_memory_bytes=peak_memory_bytes,
        )
