package stacktest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"unicode"

	"image-builder/internal/testbed/cloudformation/intrinsic"
	"image-builder/internal/testbed/venv"
)

// emulator is moto, which knows nothing of this project, as a process of its own with a client of its own.
type emulator struct {
	in     *json.Encoder
	out    *bufio.Reader
	url    string // of the services
	images *imageBuilder

	mu sync.Mutex // of a call and its answer
}

// emulate starts moto with nothing in it, and env in its environment. It ends with the test, or when the test's process
// does.
func emulate(t *testing.T, env ...string) *emulator {
	t.Helper()
	images := &imageBuilder{}
	server := httptest.NewServer(images)
	t.Cleanup(server.Close)
	process := exec.CommandContext(t.Context(), venv.Python(t), "emulate.py")
	process.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "AWS_ENDPOINT_URL_IMAGEBUILDER=" + server.URL, "AWS_ENDPOINT_URL_EC2=" + server.URL + "/ec2", "AWS_REGION=" + intrinsic.Region, "AWS_DEFAULT_REGION=" + intrinsic.Region,
		"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=s", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull,
	}, env...)

	in, out := converse(t, process)
	e := &emulator{in: in, out: out, images: images}
	if err := e.answer(&e.url); err != nil {
		t.Fatal("moto does not start: ", err)
	}

	return e
}

func (e *emulator) answer(value any) error {
	line, err := e.out.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, value)
}

type object = map[string]any

// do makes a call with boto3, whose names operation and parameters have, and wants it to succeed.
func (e *emulator) do(t *testing.T, service, operation string, parameters object) object {
	t.Helper()
	result, err := e.try(service, operation, parameters)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func (e *emulator) try(service, operation string, parameters object) (object, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.in.Encode(object{"service": service, "operation": operation, "parameters": parameters}); err != nil {
		return nil, err
	}
	var answer struct {
		Result object
		Error  string
	}
	if err := e.answer(&answer); err != nil {
		return nil, err
	}

	if answer.Error != "" {
		return nil, fmt.Errorf("%s %s: %s", service, operation, answer.Error)
	}
	return answer.Result, nil
}

// later makes a call when a state machine waits next.
func (e *emulator) later(t *testing.T, service, operation string, parameters object) {
	t.Helper()
	if err := e.in.Encode(object{"service": service, "operation": operation, "parameters": parameters, "later": true}); err != nil {
		t.Fatal(err)
	}
}

// rest waits until no state machine runs, a minute for each at most.
func (e *emulator) rest() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.in.Encode("rest"); err != nil {
		return err
	}
	return e.answer(&struct{}{})
}

// reset forgets everything.
func (e *emulator) reset(t *testing.T) {
	t.Helper()
	if err := e.in.Encode(nil); err != nil {
		t.Fatal(err)
	}
}

// imageBuilder answers for an account as Image Builder does, or refuses; and as EC2 does, whose AMIs moto does not know.
// moto has no Image Builder.
type imageBuilder struct{ account *account }

func (b *imageBuilder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/ec2") {
		b.ec2(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-RequestId", "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111")

	answer, refused := b.answer(r)
	if refused != "" {
		w.Header().Set("X-Amzn-ErrorType", refused)
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"message": "denied"}`)
		return
	}

	_ = json.NewEncoder(w).Encode(onTheWire(answer))
}

// ec2 answers ModifyImageAttribute, in EC2's own protocol.
func (b *imageBuilder) ec2(w http.ResponseWriter, r *http.Request) {
	const operation = "aws-sdk:ec2:modifyImageAttribute"
	err := b.account.refuse[operation]
	if action := r.FormValue("Action"); action != "ModifyImageAttribute" {
		err = fmt.Errorf("the machine calls %s", action)
	}

	if err == nil {
		_, err = b.account.call(operation, object{"ImageId": r.FormValue("ImageId"), "ImdsSupport": object{"Value": r.FormValue("ImdsSupport.Value")}})
	}

	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>denied</Message></Error></Errors><RequestID>r</RequestID></Response>`)
		return
	}
	fmt.Fprint(w, `<ModifyImageAttributeResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><return>true</return></ModifyImageAttributeResponse>`)
}

// answer returns the answer to a request, or the name of an error.
func (b *imageBuilder) answer(r *http.Request) (answer any, refused string) {
	if r.URL.Path == "/GetImage" {
		if r.URL.Query().Get("imageBuildVersionArn") != imageARN || b.account.image == "" {
			return nil, "ForbiddenException"
		}
		return decode(b.account.t, b.account.image), ""
	}

	in := object{"ImageBuildVersionArn": r.URL.Query().Get("imageBuildVersionArn"), "ImagePipelineArn": r.URL.Query().Get("imagePipelineArn")}
	if body, err := io.ReadAll(r.Body); err == nil && len(body) > 0 {
		in = inCapitals(decode(b.account.t, string(body))).(object)
	}

	operation := r.URL.Path[1:]
	if b.account.refuse["aws-sdk:imagebuilder:"+inSmall(operation)] != nil {
		return nil, "ForbiddenException"
	}
	answer, err := b.account.retire(inSmall(operation), in)
	if err != nil {
		b.account.t.Log(operation, err)
		return nil, "ClientException"
	}

	return answer, ""
}

// inSmall is the name of an operation as state machines write it.
func inSmall(operation string) string {
	return string(unicode.ToLower(rune(operation[0]))) + operation[1:]
}

// inCapitals undoes onTheWire. The keys of tags are texts of a user's.
func inCapitals(v any) any {
	values, ok := v.(object)
	if !ok {
		return v
	}
	out := object{}
	for key, value := range values {
		if key == "tagMap" {
			out["TagMap"] = value
			continue
		}
		out[string(unicode.ToUpper(rune(key[0])))+key[1:]] = inCapitals(value)
	}
	return out
}

// onTheWire gives members the service's names, whose first letter a state machine shows as a capital.
func onTheWire(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = onTheWire(v[i])
		}
	case map[string]any:
		wire := object{}
		for key, value := range v {
			wire[string(unicode.ToLower(rune(key[0])))+key[1:]] = onTheWire(value) // tags of ours begin with a small letter
		}
		return wire
	}

	return v
}
