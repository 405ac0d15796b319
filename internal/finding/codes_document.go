package finding

// The rules of the component document language: its form (IB1xx), its references (IB2xx), its limits (IB3xx).
const (
	Syntax          Code = "IB100"
	UnknownKey      Code = "IB101"
	MissingKey      Code = "IB102"
	WrongType       Code = "IB103"
	DuplicateKey    Code = "IB104"
	SchemaVersion   Code = "IB105"
	BadValue        Code = "IB106"
	UnknownAction   Code = "IB107"
	UnknownInput    Code = "IB108"
	MissingInput    Code = "IB109"
	InputShape      Code = "IB110"
	InputValue      Code = "IB111"
	NoKnownPhase    Code = "IB112"
	DuplicateName   Code = "IB113"
	OddName         Code = "IB114"
	BadDeclaration  Code = "IB115"
	BadLoop         Code = "IB116"
	BadCondition    Code = "IB117"
	WrongPlatform   Code = "IB118"
	FixedSetting    Code = "IB119"
	SeveralDocs     Code = "IB120"
	BadReference    Code = "IB201"
	Undeclared      Code = "IB202"
	UnknownStep     Code = "IB203"
	UnknownOutput   Code = "IB204"
	LaterStep       Code = "IB205"
	LoopReference   Code = "IB206"
	StageCrossed    Code = "IB207"
	TooLarge        Code = "IB301"
	TooLargeInline  Code = "IB302"
	TooManyVariable Code = "IB303"
	LongDefault     Code = "IB304"
	TooDeep         Code = "IB305"
)

var documentRules = []Rule{
	{Syntax, "the text is not YAML", Error},
	{UnknownKey, "unknown key", Error},
	{MissingKey, "a required key is missing", Error},
	{WrongType, "a value has the wrong type", Error},
	{DuplicateKey, "a key is given twice", Error},
	{SchemaVersion, "schemaVersion is not 1.0", Error},
	{BadValue, "a step setting has a value that is not allowed", Error},
	{UnknownAction, "unknown action", Error},
	{UnknownInput, "an input that the action does not have", Error},
	{MissingInput, "a required input is missing", Error},
	{InputShape, "inputs are a map where the action takes a list, or the reverse", Error},
	{InputValue, "an input has a value that is not allowed", Error},
	{NoKnownPhase, "none of the phases that the service runs", Error},
	{DuplicateName, "two phases, steps, loops, parameters or constants share a name", Error},
	{OddName, "a name that references cannot address", Warning},
	{BadDeclaration, "a parameter or constant is declared wrongly", Error},
	{BadLoop, "a loop that cannot run", Error},
	{BadCondition, "a condition that cannot be evaluated", Error},
	{WrongPlatform, "an action that the platform does not have", Error},
	{FixedSetting, "a setting that the action does not allow to be changed", Error},
	{SeveralDocs, "more than one YAML document in one file", Error},
	{BadReference, "braces that hold no reference", Error},
	{Undeclared, "a reference to a parameter or constant that is not declared", Error},
	{UnknownStep, "a reference to a step that does not exist", Error},
	{UnknownOutput, "a reference to an input or output that the step does not have", Error},
	{LaterStep, "a reference to a step that has not run yet", Error},
	{LoopReference, "a loop reference outside its loop", Warning},
	{StageCrossed, "a reference from the test stage to the build stage", Warning},
	{TooLarge, "the document is larger than the service takes", Error},
	{TooLargeInline, "the document is larger than the service takes inline", Warning},
	{TooManyVariable, "more parameters than the service takes", Error},
	{LongDefault, "a parameter value longer than the service takes", Warning},
	{TooDeep, "nested too deeply, or expanding to too much", Error},
}
