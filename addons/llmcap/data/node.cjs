// For Node under `llmcap run`, by NODE_OPTIONS: the agents that a library makes for itself, such as
// those of openai npm before 5, connect past every proxy. Node's own agent, which obeys HTTPS_PROXY
// and NO_PROXY since 24.5 and 22.21, connects for them; what has a way of its own, such as the agents
// of `https-proxy-agent`, does not ask here. In older Nodes nothing is changed.
"use strict";

const { Agent, globalAgent } = require("https");

if (globalAgent.options.proxyEnv) {
  const connect = Agent.prototype.createConnection;
  Agent.prototype.createConnection = function (...words) {
    const obeys = this && this.options && this.options.proxyEnv;
    return connect.apply(obeys ? this : globalAgent, words);
  };
}
