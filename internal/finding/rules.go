package finding

import "slices"

// Rule describes a Code in one line, for lists of rules, SARIF and the documentation.
type Rule struct {
	Code  Code
	Title string
	// Severity is the rule's usual severity; a single finding may be milder where the case is open.
	Severity Severity
}

// Rules returns every rule, by code.
func Rules() []Rule {
	rules := slices.Concat(documentRules, hazardRules, recipeRules, templateRules, stackRules)
	slices.SortFunc(rules, func(a, b Rule) int {
		if a.Code < b.Code {
			return -1
		}
		return 1
	})
	return rules
}
