'use strict';
// Writes what comes out of each test as a line of JSON, so that it is there, too, when the process ends early.
const { appendFileSync } = require('node:fs');

const file = process.env.TULIPA_SUITE_REPORT;

module.exports = class Reporter {
  constructor(runner) {
    const seen = new Map();
    const tell = (test, result, error) => {
      // Suites have tests of the same name.
      const title = test.titlePath().join(' > ');
      const count = (seen.get(title) ?? 0) + 1;
      seen.set(title, count);
      const name = count === 1 ? title : `${title} (${count})`;
      const words = error === undefined ? undefined : String(error?.stack ?? error);
      appendFileSync(file, `${JSON.stringify({ name, result, words })}\n`);
    };
    runner.on('pass', (test) => tell(test, 'passed'));
    runner.on('pending', (test) => tell(test, 'skipped'));
    runner.on('fail', (test, error) => tell(test, 'failed', error));
  }
};
