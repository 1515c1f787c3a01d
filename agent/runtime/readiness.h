// Tells the service manager how the process is (sd_notify(3), the plain protocol). Without
// NOTIFY_SOCKET in the environment it does nothing.
#pragma once

// `state` is a list of assignments, a line each: "READY=1", "STOPPING=1", "STATUS=...".
void readiness_notify(const char *state);
