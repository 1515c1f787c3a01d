// Rules that concern more than one setting.
#pragma once

#include "config/config.h"
#include "config/load.h"
#include "config/mistakes.h"
#include "config/yaml_doc.h"

// A flow with the place it came from.
struct flow_origin {
    const struct node *node;
    size_t index; // in the list `flows` of its file
};

// Adds what is wrong within one flow.
void validate_flow(struct mistakes *mistakes, const struct config_checks *checks,
                   const struct flow_config *flow, const struct flow_origin *origin);
// Adds what is wrong between the flows; `origins` has one for each.
void validate_flows(struct mistakes *mistakes, const struct config *config,
                    const struct flow_origin *origins);
// Adds what is wrong at the top level; `top` is its map.
void validate_top(struct mistakes *mistakes, const struct node *top);
