package finding

var templateRules = []Rule{}
