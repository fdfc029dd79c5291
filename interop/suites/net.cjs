'use strict';
// A module of its own, which programs may change as they may Node's.
module.exports = require('../../src/adapters/node/net.ts').default;
