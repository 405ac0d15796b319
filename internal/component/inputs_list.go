package component

import (
	"image-builder/internal/finding"
)

func (d *decoder) texts(field Field, v *Value) (any, bool) {
	if v.Shape != List {
		right := "start each entry with -"
		if holdsBraces(v) {
			right = "put quotes around a value that starts with {{"
		}
		d.fault(finding.WrongType, v, field.Name+" is "+v.Shape.String()+", not a list", right)
		return nil, false
	}

	if len(v.Items) == 0 && field.Required {
		d.fault(finding.MissingInput, v, field.Name+" is empty", "add an entry")
		return nil, false
	}
	texts := make([]string, 0, len(v.Items))
	for _, item := range v.Items {
		switch {
		case item.Shape == Null:
			d.warn(finding.InputValue, item, "an entry of "+field.Name+" is empty", "remove it")
		case item.Shape != Scalar:
			d.notText(item, "an entry of "+field.Name)
		case d.final || !HasReference(item.Text):
			d.literal(field, item)
		}
		texts = append(texts, item.Text)
	}

	return texts, true
}

func (d *decoder) textMap(field Field, v *Value) (any, bool) {
	if v.Shape != Map || holdsBraces(v) {
		d.fault(finding.WrongType, v, field.Name+" is "+v.Shape.String()+", not a map of texts", "write NAME: value below it")
		return nil, false
	}
	texts := make(map[string]string, len(v.Entries))
	for _, entry := range v.Entries {
		if entry.Value.Shape > Scalar {
			d.notText(entry.Value, field.Name+"."+entry.Key.Text)
		}
		texts[entry.Key.Text] = entry.Value.Text
	}

	return texts, true
}

// pairs reads a list of {name, value}; a value may be a list of one, as in recipes.
func (d *decoder) pairs(field Field, v *Value) (any, bool) {
	if v.Shape != List {
		d.fault(finding.WrongType, v, field.Name+" is "+v.Shape.String()+", not a list", "write - name: and value: for each")
		return nil, false
	}
	var parameters []Parameter
	for _, item := range v.Items {
		if item.Shape != Map {
			d.fault(finding.WrongType, item, "an entry of "+field.Name+" is "+item.Shape.String()+", not a map", "write - name: and value:")
			continue
		}
		keys := d.keys(item, "an entry of "+field.Name, finding.UnknownInput, []string{"name", "value"})

		var given [2]string
		for i, name := range []string{"name", "value"} {
			entry := keys[name]
			if entry.Key == nil {
				d.errorAt(finding.MissingInput, item.At, "an entry of "+field.Name+" has no "+name, "add "+name)
				continue
			}
			if entry.Value.Shape == List && len(entry.Value.Items) == 1 {
				entry.Value = entry.Value.Items[0]
			}
			text, _ := d.text(entry, name)
			given[i] = text.Value
		}

		parameters = append(parameters, Parameter{Name: given[0], Value: given[1]})
	}

	return parameters, true
}
