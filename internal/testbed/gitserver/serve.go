package gitserver

import "testing"

// Serve gives a test a server of its own, which ends with the test. A test that failed gets the server's log.
func Serve(tb testing.TB) *Server {
	tb.Helper()
	server, err := Start(tb.Context(), tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}

	tb.Cleanup(func() {
		if err := server.Close(); err != nil {
			tb.Error(err)
		}
		if tb.Failed() {
			tb.Log(server.Log())
		}
	})

	return server
}
