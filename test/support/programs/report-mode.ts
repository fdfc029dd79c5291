// Says what a started program finds: for run-program.test.ts.
const report = {
  arguments: process.argv.slice(2),
  node: process.version,
  file: import.meta.url,
  tulipa: import.meta.resolve('tulipa'),
};
process.stdout.write(JSON.stringify(report));
