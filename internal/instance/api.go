package instance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// API answers the few calls that a boot script makes of AWS, whichever service they are for: the Parameter Store's
// GetParameter, and that an instance is in ill health. It is an http.Handler. Signatures are not looked at.
type API struct {
	// Parameters are the Parameter Store's, by name.
	Parameters map[string]string
}

// ServeHTTP answers one request.
func (a API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation, isJSON := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AmazonSSM.")
	body := http.MaxBytesReader(w, r.Body, 1<<20)
	r.Body = body
	switch {
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case isJSON && operation == "GetParameter":
		a.parameter(w, r)
	case r.FormValue("Action") == "SetInstanceHealth":
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(w, `<SetInstanceHealthResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></SetInstanceHealthResponse>`)
	default:
		answer(w, http.StatusBadRequest, map[string]string{"__type": "UnknownOperationException", "message": "a first job answers GetParameter and SetInstanceHealth only"})
	}
}

// parameter answers GetParameter. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
func (a API) parameter(w http.ResponseWriter, r *http.Request) {
	var wanted struct {
		Name           string
		WithDecryption bool
	}
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"__type": "SerializationException", "message": err.Error()})
		return
	}
	value, found := a.Parameters[wanted.Name]
	if !found {
		answer(w, http.StatusBadRequest, map[string]string{"__type": "ParameterNotFound"})
		return
	}
	if !wanted.WithDecryption {
		value = "encrypted"
	}

	answer(w, http.StatusOK, map[string]any{"Parameter": map[string]any{
		"Name": wanted.Name, "Type": "SecureString", "Value": value, "Version": 1, "DataType": "text",
		"ARN": "arn:aws:ssm:us-east-1:123456789012:parameter" + wanted.Name,
	}})
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // who asked may be gone
}
