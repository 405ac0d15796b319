package finding

import "slices"

// Rule is what a Code stands for, in one line for lists of rules, SARIF and the documentation.
type Rule struct {
	Code  Code
	Title string
	// Severity is the one the rule usually has; a single finding may be milder where the case is open.
	Severity Severity
}

// Rules returns every rule there is, by code.
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
