import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Failure, fail, root, run, tool } from './workspace.mjs'

const oldestNode = 20
const packageManager = readPackage('.').packageManager

/** Installs and builds whatever is missing. Running it again when nothing changed takes about two seconds. */
export async function setUp() {
  checkNode()
  await install()
  await build()
}

/** Installs the dependencies unless the last installation was made from the same files. */
export async function install() {
  checkNode()
  const stampFile = join(root, 'node_modules', '.latchkey-stamp')
  const stamp = dependencyStamp()
  if (existsSync(tool('turbo')) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return
  console.log('installing the dependencies (the first time takes about a minute) …')
  await pnpm(['install', '--frozen-lockfile'], 'The dependencies could not be installed.')
  try {
    writeFileSync(stampFile, stamp)
  } catch (error) {
    throw new Failure(`No permission to write to ${stampFile} (${error.code}). Check who owns this folder.`)
  }
}

/** Builds every package whose files changed since its last build. */
export async function build() {
  console.log('building the packages …')
  for (const folder of readdirSync(join(root, 'packages'))) removeStale(join(root, 'packages', folder))
  const turbo = ['exec', 'turbo', 'run', 'build', '--output-logs=errors-only', '--no-update-notifier']
  await pnpm(turbo, 'The packages could not be built.')
}

/** Removes from `dist` what belongs to a source file that is gone, so that no tarball holds it. */
function removeStale(folder) {
  const dist = join(folder, 'dist')
  if (!existsSync(dist)) return
  for (const file of readdirSync(dist, { recursive: true })) {
    const source = file.replace(/(\.d\.ts|\.js)$/, '.ts')
    if (source !== file && !existsSync(join(folder, 'src', source))) rmSync(join(dist, file))
  }
}

/** Runs the package manager of this repository. @throws {Failure} with its output and advice */
export async function pnpm(args, whatFailed) {
  const { code, output } = await run('npx', ['--yes', packageManager, ...args])
  if (code === 0) return
  const lines = output
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^npm (warn|notice)|^npm error +at /i.test(line))
  throw new Failure([...lines.slice(-60), '', `${whatFailed} ${advice(code, output)}`].join('\n'))
}

/** What the person at the terminal can do about a failed installation or build. */
export function advice(code, output) {
  if (code === 127) return 'npx was not found: install npm, which comes with Node.'
  if (/EACCES|EPERM|EROFS|permission denied|read-only file system/i.test(output))
    return 'There is no permission to write: check who owns this folder and the npm cache.'
  if (/ENOSPC|no space left/i.test(output)) return 'The disk is full.'
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTCACHED|network|dns error/i.test(output))
    return 'The npm registry could not be reached: check the network, the proxy settings and `npm config get registry`.'
  if (/frozen-lockfile|OUTDATED_LOCKFILE/i.test(output))
    return 'pnpm-lock.yaml does not fit the package.json files: run `npx pnpm install` and commit the lockfile.'
  return 'The lines above say why.'
}

/** Refuses a Node that is too old to run even these scripts. */
function checkNode() {
  if (Number(process.versions.node.split('.')[0]) >= oldestNode) return
  throw new Failure(
    `This is Node ${process.versions.node}; the set-up needs Node ${oldestNode} or later (and npm). ` +
      'Nothing else has to be installed: it brings the Node that Latchkey runs on.',
  )
}

/** A digest of every file that decides what is installed, and for which platform. */
function dependencyStamp() {
  const digest = createHash('sha256').update(`${process.platform} ${process.arch}\n`)
  const packages = readdirSync(join(root, 'packages')).sort()
  const folders = ['.', 'examples', 'test', ...packages.map((name) => join('packages', name))]
  const manifests = folders.map((folder) => join(folder, 'package.json'))
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', '.npmrc', ...manifests]) {
    if (existsSync(join(root, file))) digest.update(`${file}\n`).update(readFileSync(join(root, file)))
  }
  return digest.digest('hex')
}

function readPackage(folder) {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await setUp().catch(fail)
