// What the control interface shows, as JSON. The caller holds the lock of the service.
#pragma once

#include "base/buf.h"
#include "sandbox/service.h"

void control_write_status(struct service *service, struct buf *out);
void control_write_faults(struct service *service, struct buf *out);
void control_write_limits(struct service *service, struct buf *out);
