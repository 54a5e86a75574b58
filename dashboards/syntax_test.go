package dashboards_test

// node is a node of the syntax tree of a query, as Prometheus's API tells it.
type node map[string]any

// walk visits a node and all below it, each with those above it.
func (n node) walk(above []node, visit func(n node, above []node)) {
	visit(n, above)
	above = append(above[:len(above):len(above)], n)
	for _, key := range []string{"expr", "lhs", "rhs", "param"} {
		if child, ok := n[key].(map[string]any); ok {
			node(child).walk(above, visit)
		}
	}
	args, _ := n["args"].([]any)
	for _, arg := range args {
		if child, ok := arg.(map[string]any); ok {
			node(child).walk(above, visit)
		}
	}
}

func (n node) isSelector() bool {
	return n["type"] == "vectorSelector" || n["type"] == "matrixSelector"
}

// labels returns the names of the labels that the node itself names.
func (n node) labels() (names []string) {
	add := func(list any) {
		all, _ := list.([]any)
		for _, one := range all {
			if name, ok := one.(string); ok {
				names = append(names, name)
			}
		}
	}
	add(n["grouping"])
	if matching, ok := n["matching"].(map[string]any); ok {
		add(matching["labels"])
		add(matching["include"])
	}
	matchers, _ := n["matchers"].([]any)
	for _, m := range matchers {
		matcher, _ := m.(map[string]any)
		if name, _ := matcher["name"].(string); name != "__name__" {
			names = append(names, name)
		}
	}
	return names
}
