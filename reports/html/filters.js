// Hides what the filters leave out, and keeps them in the address: #?store=s3&outcome=failed. Without this script the
// page is complete and has no filters.
(() => {
  "use strict";
  const form = document.getElementById("filters");
  const matching = document.getElementById("matching");

  // Each case with its row; the page's order is the order of the numbers in `data-cases`.
  const cases = [];
  const rules = Array.from(document.querySelectorAll("#results > details"), (details) => ({
    details,
    area: details.dataset.area,
    level: details.dataset.level,
    text: details.querySelector(".named").textContent.toLowerCase(),
    stores: Array.from(details.querySelectorAll("tbody"), (body) => ({
      body,
      name: body.dataset.store,
      cases: Array.from(body.rows, (row) => {
        const one = { row, outcome: row.dataset.outcome, route: row.dataset.route, shown: true };
        cases.push(one);
        return one;
      }),
    })),
  }));
  const matrix = document.querySelector("table.matrix");
  const columns = Array.from(matrix.tHead.rows[0].cells, (cell) => cell.dataset.store);
  const lines = Array.from(matrix.querySelectorAll("tr[data-rule]"), (row, number) => ({ row, rule: rules[number] }));
  const groups = Array.from(document.querySelectorAll("[data-cases]"), (element) => ({
    element,
    cases: element.dataset.cases.split(" ").map((number) => cases[number]),
  }));
  const sections = Array.from(document.querySelectorAll("[data-section]"), (element) => ({
    element,
    groups: groups.filter((group) => element.contains(group.element)),
  }));

  const chosen = () => {
    const data = new FormData(form);
    const one = (name) => data.get(name) || "";
    return {
      words: one("text").toLowerCase().split(/\s+/).filter(Boolean),
      area: one("area"),
      level: one("level"),
      store: one("store"),
      route: one("route"),
      outcomes: new Set(data.getAll("outcome")),
    };
  };

  const apply = () => {
    const want = chosen();
    const ofCases = want.store || want.route || want.outcomes.size;
    const leftOut = (store) => want.store !== "" && store !== want.store;
    let count = 0;
    for (const rule of rules) {
      const fits =
        (!want.area || rule.area === want.area) &&
        (!want.level || rule.level === want.level) &&
        want.words.every((word) => rule.text.includes(word));
      let ofRule = 0;
      for (const store of rule.stores) {
        let ofStore = 0;
        for (const one of store.cases) {
          one.shown =
            fits &&
            !leftOut(store.name) &&
            (!want.route || one.route === want.route) &&
            (!want.outcomes.size || want.outcomes.has(one.outcome));
          one.row.hidden = !one.shown;
          ofStore += one.shown;
        }
        store.body.hidden = !ofStore;
        ofRule += ofStore;
      }
      rule.shown = ofRule > 0 || (fits && !ofCases);
      rule.details.hidden = !rule.shown;
      count += ofRule;
    }
    for (const { row, rule } of lines) {
      row.hidden = !rule.shown;
      const shown = new Set(rule.stores.filter((store) => !store.body.hidden).map((store) => store.name));
      columns.forEach((store, number) => {
        if (!store) return;
        const [cell] = row.cells[number].children;
        if (cell) cell.hidden = !shown.has(store);
        row.cells[number].hidden = leftOut(store);
      });
    }
    for (const cell of matrix.tHead.rows[0].cells) cell.hidden = "store" in cell.dataset && leftOut(cell.dataset.store);
    matrix.classList.toggle("single", want.store !== "");
    for (const body of matrix.tBodies) {
      body.hidden = !Array.from(body.rows).some((row) => row.dataset.rule && !row.hidden);
    }
    for (const group of groups) group.element.hidden = !group.cases.some((one) => one && one.shown);
    for (const section of sections) section.element.hidden = section.groups.every((group) => group.element.hidden);
    matching.textContent = count === cases.length ? `all ${count} results` : `${count} of ${cases.length} results`;
  };

  const remember = () => {
    const query = new URLSearchParams(Array.from(new FormData(form)).filter((pair) => pair[1])).toString();
    history.replaceState(null, "", query ? `#?${query}` : location.href.split("#")[0]);
  };

  const restore = () => {
    const query = new URLSearchParams(location.hash.slice(2));
    for (const control of form.elements) {
      const values = query.getAll(control.name);
      if (control.type === "checkbox") control.checked = values.includes(control.value);
      else if (control.name) control.value = values[0] || "";
      if (control.selectedIndex < 0) control.selectedIndex = 0;
    }
    apply();
  };

  // A link to something that the filters hide clears them; a link to a rule opens it.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest("[hidden]")) {
      form.reset();
      apply();
    }
    const details = target.closest("details");
    if (details) details.open = true;
    target.scrollIntoView();
  };

  const follow = () => (location.hash.startsWith("#?") ? restore() : reveal());

  form.addEventListener("input", () => {
    apply();
    remember();
  });
  form.addEventListener("reset", () => {
    setTimeout(() => {
      apply();
      remember();
    });
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", follow);
  form.hidden = false;
  apply();
  follow();
})();
