package finding

var hazardRules = []Rule{}
