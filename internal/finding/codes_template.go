package finding

// The rules of CloudFormation templates that embed documents (IB6xx).
const (
	TemplateSyntax   Code = "IB600"
	TemplateData     Code = "IB601"
	TemplateLimit    Code = "IB602"
	TemplatePlatform Code = "IB603"
	TemplateVersion  Code = "IB604"
	TemplateSchedule Code = "IB605"
	TemplateName     Code = "IB606"
	TemplateMissing  Code = "IB607"
)

var templateRules = []Rule{
	{TemplateSyntax, "the template is not a YAML or JSON map", Error},
	{TemplateData, "a component needs exactly one of Data and Uri", Error},
	{TemplateLimit, "Data has more than 16,000 characters", Error},
	{TemplatePlatform, "the service does not have the platform", Error},
	{TemplateVersion, "the version is not three numbers", Error},
	{TemplateSchedule, "the schedule is not in Image Builder's dialect", Error},
	{TemplateName, "the component's name is not allowed", Error},
	{TemplateMissing, "a component lacks a required property", Error},
}
