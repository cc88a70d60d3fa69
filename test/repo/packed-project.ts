import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { read, root } from './source-files.ts'

const execute = promisify(execFile)

/** What a package.json says, as far as the checks need it. */
export interface Manifest {
  readonly name: string
  readonly packageManager?: string
  readonly exports: Readonly<Record<string, unknown>>
  readonly bin?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

/** The package.json of a folder, given as a path from the top folder. */
export function manifestOf(folder: string): Manifest {
  return JSON.parse(read(`${folder}/package.json`))
}

/** Runs a program and returns what it printed; a failure's message holds all of its output. */
export async function output(command: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    return (await execute(command, args, { cwd, maxBuffer: 2 ** 26 })).stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string } // execFile's own fields
    throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`)
  }
}

/** Tarballs of the packages as they would be published, and empty projects to install them into. */
export class PackedProjects {
  readonly #folder: string = realpathSync(mkdtempSync(join(tmpdir(), 'latchkey-packed-')))
  readonly #tarballs = new Map<string, string>()
  readonly #manifests = new Map<string, Manifest>()

  /** Packs a package of the workspace from its built `dist`. */
  async pack(folder: string): Promise<void> {
    const target = join(this.#folder, 'tarballs', folder)
    const pnpm = manifestOf('.').packageManager ?? 'pnpm'
    await output('npx', ['--yes', pnpm, 'pack', '--pack-destination', target], join(root, folder))
    const [file = ''] = readdirSync(target)
    this.#tarballs.set(manifestOf(folder).name, join(target, file))
    this.#manifests.set(manifestOf(folder).name, manifestOf(folder))
  }

  /** The files in a package's tarball. */
  async contents(name: string): Promise<readonly string[]> {
    const listing = await output('tar', ['-tzf', this.#tarball(name)], root)
    return listing
      .trim()
      .split('\n')
      .map((line) => line.replace(/^package\//, ''))
  }

  /**
   * Installs these packages alone into a new project and returns its folder. Their siblings come as tarballs too, and
   * what some of their entries need besides.
   */
  async install(...names: readonly string[]): Promise<string> {
    const project = join(this.#folder, 'projects', names.join('+').replaceAll('/', '.'))
    const overrides = Object.fromEntries([...this.#tarballs].filter(([other]) => !names.includes(other)))
    mkdirSync(project, { recursive: true })
    const manifest = {
      private: true,
      type: 'module',
      dependencies: Object.fromEntries([
        ...names.flatMap((name) => optionalPeers(this.#manifests.get(name))),
        ...names.map((name) => [name, this.#tarball(name)]),
      ]),
      overrides,
    }
    writeFileSync(join(project, 'package.json'), JSON.stringify(manifest))
    const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--prefix', project]
    await output('npm', ['install', ...flags], project)
    return project
  }

  /** Removes everything again. */
  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #tarball(name: string): string {
    const file = this.#tarballs.get(name)
    if (file === undefined) throw new Error(`${name} was not packed.`)
    return file
  }
}

/** What npm does not install by itself: the peers that only some entries of a package need. */
function optionalPeers(manifest: Manifest | undefined): readonly (readonly [string, string])[] {
  const { peerDependencies = {}, peerDependenciesMeta = {} } = manifest ?? {}
  return Object.entries(peerDependencies).filter(([peer]) => peerDependenciesMeta[peer]?.optional)
}
