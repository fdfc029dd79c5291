import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** A file of this project, as material for the demo's pages. */
export interface SourceFile {
  /** relative to the project's folder, with forward slashes */
  readonly path: string;
  readonly text: string;
}

// From src/cli/web/ and from dist/cli/web/ alike.
const projectFolder = new URL('../../../', import.meta.url);
const FOLDERS = ['docs', 'src', 'examples'];

/** The project's documentation and sources, as far as they are installed, in the order of their paths. */
export async function loadSources(): Promise<SourceFile[]> {
  const topLevel = await readdir(projectFolder);
  const paths = topLevel.filter((name) => name.endsWith('.md'));
  for (const folder of FOLDERS.filter((name) => topLevel.includes(name))) {
    const names = await readdir(new URL(`${folder}/`, projectFolder), { recursive: true });
    for (const name of names) {
      if (/\.(?:md|ts)$/.test(name)) paths.push(`${folder}/${name.replaceAll('\\', '/')}`);
    }
  }
  if (!paths.some((path) => path.startsWith('src/'))) {
    throw new Error(`Cannot make the demo's site: ${fileURLToPath(projectFolder)} has no sources in src/`);
  }
  return await Promise.all(paths.sort().map(loadSource));
}

async function loadSource(path: string): Promise<SourceFile> {
  return { path, text: await readFile(new URL(path, projectFolder), 'utf8') };
}
