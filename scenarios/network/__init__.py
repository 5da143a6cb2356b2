"""The network between an initializer and its stores: the gateway, faults and throttled links."""
