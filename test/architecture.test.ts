import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { describe, it } from 'node:test';
import { findImportProblems, isGoverned, KNOWN_FOLDERS } from './support/import-rules.ts';
import { findModuleReferences } from './support/module-references.ts';
import { repositoryRoot } from './support/run-program.ts';

function listGovernedFiles(): string[] {
  return ['src', 'examples', 'bench']
    .filter((area) => existsSync(join(repositoryRoot, area)))
    .flatMap((area) =>
      readdirSync(join(repositoryRoot, area), { recursive: true, encoding: 'utf8' }).map((file) =>
        [area, ...file.split(sep)].join('/'),
      ),
    )
    .filter((file) => isGoverned(file) && !file.includes('/node_modules/'))
    .sort();
}

function read(file: string): string {
  return readFileSync(join(repositoryRoot, file), 'utf8');
}

/** Asserts that the one import in `source` is objected to, and that the reason given matches. */
function assertRefused(file: string, source: string, reason: RegExp): void {
  const problems = findImportProblems(file, source);
  assert.equal(problems.length, 1, `${file}: ${source}`);
  assert.match(problems[0] ?? '', reason);
}

function assertAllowed(file: string, source: string): void {
  assert.deepEqual(findImportProblems(file, source), []);
}

describe('the imports of this repository', () => {
  const files = listGovernedFiles();
  const skip = files.includes('src/index.ts') ? false : 'src/index.ts is not written yet';

  it('all point downwards', () => {
    assert.deepEqual(
      files.flatMap((file) => findImportProblems(file, read(file))),
      [],
    );
  });

  it('were found at all', { skip }, () => {
    // Without this, a listing or a reader that finds nothing would prove everything.
    assert.notEqual(findModuleReferences(read('src/index.ts')).length, 0);
  });

  it('come from folders that the layers know', {
    skip: existsSync(join(repositoryRoot, 'src')) ? false : skip,
  }, () => {
    const folders = readdirSync(join(repositoryRoot, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    assert.deepEqual(
      folders.filter((folder) => !KNOWN_FOLDERS.has(folder)),
      [],
    );
  });
});

describe('the rules of import direction', () => {
  it('let a folder import itself and what is below it', () => {
    assertAllowed('src/loop/scheduler.ts', "import { Timers } from './timers.ts';");
    assertAllowed('src/loop/hosts/node.ts', "import { Scheduler } from '../scheduler.ts';");
    assertAllowed('src/loop/scheduler.ts', "import type { Driver } from '../interface/index.ts';");
    assertAllowed('src/cli/main.ts', "import { run } from '../coroutines/run.ts';");
    assertAllowed('src/index.ts', "export * from './coroutines/index.ts'; export * from './cli/run.ts';");
  });

  it('refuse an import from above, in each of its spellings', () => {
    for (const source of [
      "import { Task } from '../coroutines/task.ts';",
      "import type { Task } from '../coroutines/task.ts';",
      "import { type Task } from '../coroutines/task.ts';",
      "import Task, * as tasks from '../coroutines/task.ts';",
      "import {\n  Task, // 'from' below\n} from\n  '../coroutines/task.ts';",
      'import "../coroutines/task.ts";',
      "export { Task } from '../coroutines/task.ts';",
      "export type { Task } from '../coroutines/task.ts';",
      "export * from '../coroutines/task.ts';",
      "export * as tasks from '../coroutines/task.ts';",
      "const { Task } = await import('../coroutines/task.ts');",
      'const { Task } = await import(`../coroutines/task.ts`);',
      "const { Task } = await import(/* late */ '../coroutines/task.ts', { with: {} });",
      "let task: import('../coroutines/task.ts').Task;",
      "const { Task } = require('../coroutines/task.ts');",
      "const worker = new Worker(new URL('../coroutines/task.ts', import.meta.url));",
      "const file = import.meta.resolve('../coroutines/task.ts');",
      "const text = `${`${await import('../coroutines/task.ts')}`} }`;",
    ]) {
      assertRefused('src/loop/scheduler.ts', source, /coroutines\/ is above loop\//);
    }
  });

  it('see through detours in the path', () => {
    assertRefused('src/loop/hosts/node.ts', "import '../../loop/../coroutines/task.ts';", /is above loop\//);
    assertRefused('src/loop/hosts/node.ts', "import './../../coroutines/task.ts';", /is above loop\//);
  });

  it('take no import out of comments, strings and regular expressions', () => {
    for (const source of [
      "// import '../coroutines/task.ts'",
      "/**\n * import { Task } from '../coroutines/task.ts';\n */",
      'const example = "import \'../coroutines/task.ts\'";',
      "const example = `import '../coroutines/task.ts' ${1} import '../coroutines/task.ts'`;",
      "const pattern = /import '..\\/coroutines\\/task.ts'/;",
      "library.import('../coroutines/task.ts');",
      'export { Task }; const from = 1;',
    ]) {
      assertAllowed('src/loop/scheduler.ts', source);
    }
  });

  it('find the import behind a division, a regular expression, and a template', () => {
    const behind = "; import '../coroutines/task.ts';";
    for (const source of [
      'a = b / c / d',
      'a = (b) / c',
      "a = /['`]/",
      'a = b.match(/[/\'"]/g)',
      'a = `${b}` / c',
    ]) {
      assertRefused('src/loop/scheduler.ts', source + behind, /coroutines\/ is above loop\//);
    }
  });

  it('refuse to judge a file they cannot read', () => {
    for (const source of ["const a = 'b\n';", 'const a = `b', 'const a = `${b', '/* b', 'const a = /b\n']) {
      assert.throws(() => findImportProblems('src/loop/scheduler.ts', source), SyntaxError);
    }
  });

  it('refuse a module whose name is computed, save where Node may be known', () => {
    assertRefused('src/loop/scheduler.ts', 'await import(name);', /computed/);
    assertRefused('src/loop/scheduler.ts', "await import('../co' + 'routines/task.ts');", /computed/);
    assertAllowed('src/adapters/express/load.ts', 'await import(name);');
  });

  it('keep interface/ to itself', () => {
    assertAllowed('src/interface/driver.ts', "import type { Handle } from './handle.ts';");
    assertRefused('src/interface/driver.ts', "import { Loop } from '../loop/loop.ts';", /is above interface/);
    assertRefused('src/interface/driver.ts', "import { Socket } from 'node:net';", /nothing outside itself/);
    assertRefused(
      'src/interface/driver.ts',
      "import type { Socket } from 'node:net';",
      /nothing outside itself/,
    );
    assertRefused('src/interface/driver.ts', "import koffi from 'koffi';", /nothing outside itself/);
  });

  it('let only the places named know Node', () => {
    for (const file of [
      'src/drivers/node/stream.ts',
      'src/syscalls/sockets.ts',
      'src/loop/async-context.ts',
      'src/loop/hosts/libuv.ts',
      'src/executors/thread-pool.ts',
      'src/testing/index.ts',
      'src/debug/monitor.ts',
      'src/adapters/express/index.ts',
      'src/cli/main.ts',
    ]) {
      assertAllowed(file, "import { AsyncLocalStorage } from 'node:async_hooks';");
    }
    for (const file of [
      'src/index.ts',
      'src/selectors/epoll.ts',
      'src/loop/scheduler.ts',
      'src/transports/stream.ts',
      'src/coroutines/task.ts',
      'src/runtime/run.ts',
      'src/streams/reader.ts',
      'src/sync/lock.ts',
      'src/subprocess/process.ts',
      'src/http/server.ts',
    ]) {
      assertRefused(
        file,
        "import { AsyncLocalStorage } from 'node:async_hooks';",
        /may import Node's modules/,
      );
      assertRefused(file, "import type { Stats } from 'fs';", /may import Node's modules/);
      assertRefused(file, "process.getBuiltinModule('fs');", /may import Node's modules/);
    }
  });

  it('let streams/, sync/ and http/ know no driver, no selector and no system call', () => {
    for (const folder of ['streams', 'sync', 'http']) {
      for (const below of ['drivers', 'selectors', 'syscalls']) {
        assertRefused(`src/${folder}/a.ts`, `import '../${below}/index.ts';`, /to run on any loop/);
      }
      assertAllowed(`src/${folder}/a.ts`, "import '../transports/index.ts';");
    }
    assertAllowed('src/executors/a.ts', "import '../drivers/index.ts';");
  });

  it('keep folders of the same level apart, save where one is named', () => {
    const named = ['subprocess -> streams', 'testing -> debug', 'testing -> adapters'];
    for (const level of [
      ['streams', 'sync', 'subprocess', 'executors'],
      ['http', 'adapters', 'testing', 'debug'],
    ]) {
      for (const from of level) {
        for (const to of level) {
          if (from === to) continue;
          const source = `import '../${to}/index.ts';`;
          if (named.includes(`${from} -> ${to}`)) assertAllowed(`src/${from}/a.ts`, source);
          else assertRefused(`src/${from}/a.ts`, source, /on the same level/);
        }
      }
    }
  });

  it('keep src/index.ts on top, and the library from importing itself by name', () => {
    assertRefused('src/cli/main.ts', "import { run } from '../index.ts';", /on top of everything/);
    assertRefused('src/cli/main.ts', "import { run } from 'tulipa';", /by name/);
    assertRefused('src/cli/main.ts', "import type { Loop } from 'tulipa/interface';", /by name/);
    assertRefused('src/cli/main.ts', "import '#internal';", /relative paths/);
    assertRefused('src/cli/main.ts', "import '/opt/a.ts';", /relative paths/);
    assertRefused('src/cli/main.ts', "import '../../test/support/a.ts';", /nothing outside src/);
    assertAllowed('src/cli/main.ts', "import { parse } from 'tulipa-arguments';");
  });

  it('refuse folders and files under src/ that have no place in the layers', () => {
    assertRefused('src/utilities/array.ts', '', /src\/utilities\/ has no place/);
    assertRefused('src/helpers.ts', '', /this file has no place/);
    assertRefused(
      'src/cli/main.ts',
      "import '../utilities/array.ts';",
      /src\/utilities\/array.ts has no place/,
    );
    assertRefused('src/index.ts', "export * from './utilities/index.ts';", /has no place/);
  });

  it('make examples and benchmarks take the library by its name', () => {
    for (const area of ['examples', 'bench']) {
      assertAllowed(
        `${area}/echo.ts`,
        "import { run } from 'tulipa'; import { simulate } from 'tulipa/testing';",
      );
      assertAllowed(`${area}/echo.ts`, "import net from 'node:net'; import { bench } from 'mitata';");
      assertAllowed(`${area}/chat/server.ts`, "import { Room } from './room.ts'; import '../shared.ts';");
      assertRefused(`${area}/echo.ts`, "import { run } from '../src/index.ts';", /by its name/);
      assertRefused(`${area}/echo.ts`, "const { run } = await import('../dist/index.js');", /by its name/);
      assertRefused(`${area}/echo.ts`, "export * from '../test/support/a.ts';", /by its name/);
    }
    assertRefused('examples/echo.ts', "import '../bench/index.ts';", /by its name/);
    assertAllowed('bench/simulation/examples.ts', "import '../../examples/lock-service/explore.ts';");
  });
});
