package component

import (
	"fmt"
	"slices"
	"strings"

	"image-builder/internal/finding"
)

// Condition is one comparison, or several joined by and, or, not.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-comparison-operators.html
type Condition struct {
	// Operator as the service documents it: stringLessThan also where the document writes stringlessThan.
	Operator string
	// Baseline is the operator's own argument, Tested the value or path that is compared with it.
	Baseline, Tested *Value
	// Operands are the conditions of and, or, not.
	Operands []*Condition
	// Then and Else say what the step does: Execute, Skip or Abort.
	Then, Else string
	At         finding.Position
}

// site is where a condition stands, which decides what then and else mean.
type site int

const (
	underIf         site = iota // of a step
	inAssert                    // the inputs of Assert
	insideCondition             // an operand of and, or, not
)

// operand is what an operator takes besides its own argument.
type operand int

const (
	takesNothing    operand = iota // nothing
	takesValue                     // value: the text or number to compare
	takesPath                      // path: the file to hash
	takesConditions                // its argument is a list of conditions
)

var operators = map[string]operand{
	"stringIsEmpty": takesNothing, "stringIsWhitespace": takesNothing, "binaryExists": takesNothing, "fileExists": takesNothing, "folderExists": takesNothing,
	"stringEquals": takesValue, "stringLessThan": takesValue, "stringLessThanEquals": takesValue, "stringGreaterThan": takesValue,
	"stringGreaterThanEquals": takesValue, "patternMatches": takesValue, "numberEquals": takesValue, "numberLessThan": takesValue,
	"numberLessThanEquals": takesValue, "numberGreaterThan": takesValue, "numberGreaterThanEquals": takesValue,
	"fileMD5Equals": takesPath, "fileSHA1Equals": takesPath, "fileSHA256Equals": takesPath, "fileSHA512Equals": takesPath,
	"and": takesConditions, "or": takesConditions, "not": takesConditions,
}

// secondKeys are the names of operators' second arguments.
var secondKeys = map[operand]string{takesValue: "value", takesPath: "path"}

// spellings maps other spellings of operators, from the service's own examples.
var spellings = map[string]string{"stringlessThan": "stringLessThan", "stringlessThanEquals": "stringLessThanEquals"}

func operatorNames() []string {
	names := make([]string, 0, len(operators))
	for name := range operators {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// condition reads a condition; nil if it cannot be evaluated. Only the outermost one decides about the step.
func (p *report) condition(v *Value, at site) *Condition {
	if v.Shape == List && len(v.Items) == 1 {
		v = v.Items[0]
	}

	if v.Shape != Map {
		p.fault(finding.BadCondition, v, "a condition is "+v.Shape.String()+", not a map", "write one operator, for example fileExists: /path")
		return nil
	}
	c := &Condition{At: v.At, Then: "Execute", Else: "Skip"}
	argument, ok := p.operator(c, v, at)
	if !ok {
		return nil
	}

	if operators[c.Operator] == takesConditions {
		return p.operands(c, argument)
	}
	if argument.Value.Shape > Scalar {
		p.notText(argument.Value, "the argument of "+c.Operator)
		return nil
	}

	c.Baseline = argument.Value
	if !p.second(c, v, argument.Key) {
		return nil
	}
	p.literals(c)

	return c
}

// operator finds the one operator among the keys of a condition, and reads then and else.
func (p *report) operator(c *Condition, v *Value, at site) (argument Entry, ok bool) {
	ok = true
	for _, entry := range v.Entries {
		name := entry.Key.Text
		if canonical, variant := spellings[name]; variant {
			name = canonical
		}

		_, known := operators[name]
		switch {
		case name == "then" || name == "else":
			p.outcome(c, entry, at)
		case name == "value" || name == "path":
		case !known:
			p.fault(finding.BadCondition, entry.Key, fmt.Sprintf("there is no operator %q", keyText(entry.Key)), operatorAdvice(name))
			ok = false

		case c.Operator != "":
			p.fault(finding.BadCondition, entry.Key, fmt.Sprintf("a second operator, %s, beside %s", name, c.Operator), "join them with and: or or:")
			ok = false
		default:
			c.Operator = name
			argument = entry
		}
	}

	if c.Operator == "" && ok {
		p.fault(finding.BadCondition, v, "the condition has no operator", "add one, for example stringEquals")
		ok = false
	}

	return argument, ok
}

func operatorAdvice(name string) string {
	if strings.HasPrefix(name, "boolean") {
		return "compare texts with stringEquals: booleans belong to workflow documents"
	}
	if near := finding.Nearest(name, append(operatorNames(), "then", "else", "value", "path")); near != "" {
		return "did you mean " + near + "?"
	}
	return "use an operator of the comparison page, for example stringEquals"
}

func (p *report) outcome(c *Condition, entry Entry, at site) {
	switch at {
	case insideCondition:
		p.warn(finding.BadCondition, entry.Key, entry.Key.Text+" has no effect inside another condition", "move it up, beside the operator under if")
		return
	case inAssert:
		p.warn(finding.BadCondition, entry.Key, entry.Key.Text+" has no effect in Assert, which fails when its condition is false", "remove it; to skip a step, give the step an if")
		return
	}

	allowed := []string{"Abort", "Execute", "Skip"}
	if entry.Value.Shape != Scalar || !slices.Contains(allowed, entry.Value.Text) {
		p.fault(finding.BadCondition, entry.Value, fmt.Sprintf("%s is %q", entry.Key.Text, entry.Value.Text), didYouMean(entry.Value.Text, allowed))
		return
	}

	if entry.Key.Text == "then" {
		c.Then = entry.Value.Text
	} else {
		c.Else = entry.Value.Text
	}
}

func (p *report) operands(c *Condition, argument Entry) *Condition {
	items := []*Value{argument.Value}

	if argument.Value.Shape == List {
		items = argument.Value.Items
	} else if c.Operator != "not" {
		p.fault(finding.BadCondition, argument.Value, c.Operator+" takes a list of conditions", "start each with -")
		return nil
	}

	if len(items) == 0 || (c.Operator == "not" && len(items) > 1) {
		p.fault(finding.BadCondition, argument.Key, fmt.Sprintf("%s has %d conditions", c.Operator, len(items)), "not takes one, and and or at least one")
		return nil
	}

	for _, item := range items {
		if operand := p.condition(item, insideCondition); operand != nil {
			c.Operands = append(c.Operands, operand)
		}
	}

	if len(c.Operands) < len(items) {
		return nil
	}
	return c
}

// second reads value or path, depending on the operator.
func (p *report) second(c *Condition, v, key *Value) bool {
	wanted := secondKeys[operators[c.Operator]]
	for _, entry := range v.Entries {
		if name := entry.Key.Text; (name == "value" || name == "path") && name != wanted {
			right := "remove it"
			if wanted != "" {
				right = "write " + wanted
			}
			p.fault(finding.BadCondition, entry.Key, c.Operator+" takes no "+name, right)
			return false
		}
	}

	if wanted == "" {
		return true
	}
	tested := v.Get(wanted)
	if tested == nil {
		p.fault(finding.BadCondition, key, c.Operator+" has no "+wanted, "add "+wanted+" beside it")
		return false
	}
	if tested.Shape > Scalar {
		p.notText(tested, wanted)
		return false
	}

	c.Tested = tested
	return true
}

// literals checks the arguments that are known without running.
func (p *report) literals(c *Condition) {
	switch {
	case HasReference(c.Baseline.Text):
	case strings.HasPrefix(c.Operator, "number"):
		if _, ok := parseNumber(c.Baseline.Text); !ok {
			p.fault(finding.BadCondition, c.Baseline, fmt.Sprintf("%s compares with %q, which is not a number", c.Operator, c.Baseline.Text), "write a number")
		} else if _, ok := parseNumber(c.Tested.Text); !ok && !HasReference(c.Tested.Text) {
			p.warn(finding.BadCondition, c.Tested, fmt.Sprintf("%q is not a number: the comparison is always false", c.Tested.Text), "write a number")
		}
	case c.Operator == "patternMatches":
		if _, err := compilePattern(c.Baseline.Text); err != nil {
			p.fault(finding.BadCondition, c.Baseline, err.Error(), "write a regular expression in Go's syntax")
		}
	}
}

// texts calls visit for every argument in the condition.
func (c *Condition) texts(visit func(*Value)) {
	if c == nil {
		return
	}
	c.Baseline.Scalars(visit)
	c.Tested.Scalars(visit)
	for _, operand := range c.Operands {
		operand.texts(visit)
	}
}
