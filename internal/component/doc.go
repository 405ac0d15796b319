// Package component is the language of component documents: it parses them, says what is wrong with them, and executes
// their phases and steps on this machine. It is what EC2 Image Builder's AWSTOE does, whose program is closed; the
// language is documented at https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-use-documents.html.
//
// The package knows no action: what a step does is a [Module], handed in. It starts no process, touches no disk but the
// state file and the files that conditions ask about, reaches AWS only through ports, never reboots and never prints.
//
// # Grammar
//
//	document   = name? description? schemaVersion parameters? constants? phases
//	phases     = list of { name, steps }
//	step       = name action inputs? timeoutSeconds? onFailure? maxAttempts? loop? if? disableLogging?
//	loop       = name? ( for { start end updateBy } | forEach list | forEach { list delimiter? } )
//	condition  = operator ( value | path )? then? else?      then and else under `if` only
//	reference  = "{{" body "}}"                              no braces inside
//	body       = Name | loop.index | loop.value | <loop name>.index | <loop name>.value
//	           | phase.step.inputs[i].key | phase.step.outputs[i].key
//	           | aws:ssm:/name | aws:ssm:resolve(Name) | aws:ssm:resolve(aws:ssm:/name)
//
// [Parse] finds what is wrong with the form, [Check] what needs the modules: actions, inputs, references, platforms and
// limits. Both go on after a fault and report the root alone: a misspelt key stands for the one it resembles, a
// declaration that cannot be read excuses references to it. Values keep the text as it was written (0755 stays "0755"),
// and everything has its line and column.
//
// # What is an error, what a warning
//
// An error is what the service or awstoe is known to refuse, or what cannot run as written. What runs, or may run, is a
// warning at most: a map of inputs where the action takes a list, a list of one where it takes a map, quoted numbers,
// actions of several platforms in one document (conditions may choose), a reference from the test stage back to the
// build stage, `then` below a nested operator, names with dots.
//
// # Decisions
//
// Where the documentation is silent or contradicts itself:
//
//   - One of the phases build, validate, test and container-host-test must exist; further ones may.
//   - Duplicate YAML keys and a second YAML document are errors; anchors, aliases and merge keys (<<) work, within
//     bounds.
//   - A reference is expanded once. What a parameter, constant, looked-up value or output holds is not searched for
//     references again, so a constant may hold literal braces.
//   - Braces that enclose anything else are an error, unless they enclose several lines or nothing; {{resolve:ssm:…}}
//     of CloudFormation is a warning. An opening {{ that is never closed is text, with a warning if a reference was
//     surely meant.
//   - {{ loop.x }} outside the inputs of a step with a loop stays as it is, with a warning.
//   - A reference may name earlier steps only. A step that was skipped, failed or not selected has empty outputs; of a
//     loop that failed, the outputs of its successful iterations count.
//   - An output without index of a list of inputs is all of them, a line each; with an index it is that element's.
//   - A referenced input is resolved when it is named; optional ones that are absent have their default.
//   - A parameter without default or value is empty, as in a local awstoe run. A value outside allowedValues
//     stops the run before its first step. A document's own parameter value beats the run's.
//   - Texts compare without case; patterns are Go's, with case, unanchored; numbers compare exactly, in the range of a
//     float64; a number operator with any other value is false. A missing file has no checksum: false.
//   - binaryExists finds what `type` in bash finds without functions and aliases: builtins and files on the PATH.
//   - A condition is evaluated once, before the loop and the attempts, and not again after a reboot. Abort as its
//     outcome fails the step; onFailure then applies.
//   - An empty delimited list has no iterations; items are not trimmed.
//   - Abort stops the whole run, later documents included. Continue runs later steps, phases and documents; the run
//     fails. Attempts follow one another without delay.
//   - A skipped step is not counted among the executed ones.
//   - A document is run on this machine's platform: an action that it does not have is an error before the first step.
//   - A reboot costs no attempt; the interrupted attempt restarts with a full timeout, a loop at the iteration that
//     asked (or the next one, after Reboot). A run reboots at most 15 times.
//   - A state directory of other documents, phases or parameters is an error, never resumed by mistake.
//   - Every looked-up parameter counts as a secret of at least 4 bytes and is masked in logs, events and results.
//   - Nesting and cycles of ExecuteDocument are judged when the step is reached.
//
// # Bounds
//
// Any bytes may be parsed: 1 MiB of text, 100 levels, 200,000 values and 4 MiB of scalars after aliases, 500 findings.
// A resolved text and the outputs of a step are kept up to 1 MiB, lines of output up to 64 KiB, in events 4 KiB; loops
// are counted, never laid out. With an [Observer], results keep no inputs and outputs, so that memory does not grow with
// them; only outputs that a reference names are kept.
package component
