package finding

var recipeRules = []Rule{}
