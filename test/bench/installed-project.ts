import { execFile } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { InstalledApp } from './installed-apps.ts'

/** A tarball for each package, by its name. */
export type Tarballs = ReadonlyMap<string, string>

const execute = promisify(execFile)
const root = join(import.meta.dirname, '../..')

/** Packs the built packages as they would be published. */
export async function packAll(folder: string): Promise<Tarballs> {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const tarballs = new Map<string, string>()
  for (const name of ['core', 'express', 'redis']) {
    const target = join(folder, name)
    mkdirSync(target, { recursive: true })
    const args = ['--yes', packageManager, 'pack', '--pack-destination', target]
    await execute('npx', args, { cwd: join(root, 'packages', name) })
    tarballs.set(`@latchkey/${name}`, join(target, readdirSync(target)[0] ?? ''))
  }
  return tarballs
}

/** A project with the app and what it needs, as npm installs it for whoever follows the README. */
export async function install(
  folder: string,
  { needs, program }: InstalledApp,
  tarballs: Tarballs,
): Promise<void> {
  const usesTarballs = needs.some((name) => tarballs.has(name))
  const manifest = {
    private: true,
    dependencies: Object.fromEntries(needs.map((name) => [name, tarballs.get(name) ?? versionHere(name)])),
    // Packages find their siblings as tarballs too, until they are published.
    ...(usesTarballs && { overrides: { '@latchkey/core': tarballs.get('@latchkey/core') } }),
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, 'server.mjs'), program)
  const flags = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  await execute('npm', ['install', ...flags, '--prefix', folder], { cwd: folder })
}

/** What npm has installed: bytes of all files, and packages with their own dependencies. */
export function sizeOf(folder: string): { readonly bytes: number; readonly packages: number } {
  const files = readdirSync(join(folder, 'node_modules'), { recursive: true, encoding: 'utf8' })
  const stats = files.map((file) => lstatSync(join(folder, 'node_modules', file)))
  const bytes = stats.reduce((sum, one) => sum + (one.isFile() ? one.size : 0), 0)
  const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'))
  return { bytes, packages: Object.keys(packages).filter((path) => path !== '').length }
}

/** The version that the other rows measure. */
function versionHere(name: string): string {
  return JSON.parse(readFileSync(join(root, 'test/node_modules', name, 'package.json'), 'utf8')).version
}
