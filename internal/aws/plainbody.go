package aws

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// PlainBodies makes a client hide WriteTo of the bodies that it sends. Every client of the SDK needs it: an entry of
// aws.Config.APIOptions.
//
// Without it answers are lost by chance, as "read tcp …: use of closed network connection" in a response of status 200,
// when four things meet:
//
//   - smithy-go closes the request's body as soon as the head of the answer is there (ClientHandler.Handle);
//   - a closed body of smithy-go answers WriteTo with io.EOF, which no WriterTo may return (transport/http/internal/io);
//   - net/http's write loop, which on a busy machine resumes only then, looks for surplus of the body with io.Copy, which
//     prefers WriteTo to Read (transferWriter.writeBody);
//   - it takes the io.EOF for a failed write and closes the connection, from which the answer is still being read.
//
// A closed body answers Read with io.EOF as well; there it is not an error.
func PlainBodies(stack *middleware.Stack) error {
	hide := middleware.DeserializeMiddlewareFunc("PlainBodies", func(
		ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
	) (middleware.DeserializeOutput, middleware.Metadata, error) {
		request, ok := in.Request.(*smithyhttp.Request)
		if !ok {
			return middleware.DeserializeOutput{}, middleware.Metadata{}, fmt.Errorf("send request: unknown transport %T", in.Request)
		}

		plain, err := withoutWriteTo(request)
		if err != nil {
			return middleware.DeserializeOutput{}, middleware.Metadata{}, fmt.Errorf("send request: %w", err)
		}
		in.Request = plain

		return next.HandleDeserialize(ctx, in)
	})

	return stack.Deserialize.Add(hide, middleware.After)
}

// withoutWriteTo returns the request with a body that has Read, and Seek if it had that, but not WriteTo.
func withoutWriteTo(request *smithyhttp.Request) (*smithyhttp.Request, error) {
	body := request.GetStream()
	if _, ok := body.(io.WriterTo); !ok {
		return request, nil
	}
	if seeker, ok := body.(io.ReadSeeker); ok {
		return request.SetStream(struct{ io.ReadSeeker }{seeker})
	}
	return request.SetStream(struct{ io.Reader }{body})
}
