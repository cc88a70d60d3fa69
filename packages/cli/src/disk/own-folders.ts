import { lstat, mkdir, readdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf, diskError, systemError } from './disk-errors.ts'

const folderMode = 0o700
const othersMay = 0o077
const isWindows = process.platform === 'win32'
/** A folder that cannot be made for these may be made the next time. */
const mayPass: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE'])

/**
 * Makes a folder that its owner alone may enter, and those above it that are missing.
 * @throws {LatchkeyError} `store_unavailable`: it is somebody else's, a link, or open to others.
 */
export async function ensureOwnFolder(path: string): Promise<void> {
  await makeFolder(path).catch((error: unknown) => {
    // Whatever else it is, another folder will do.
    throw systemError(
      `The folder ${path} cannot be made`,
      error,
      mayPass.has(codeOf(error)) ? 'write' : 'folder',
    )
  })
  await hasOwnFolder(path)
}

/**
 * Whether there is such a folder.
 * @throws {LatchkeyError} `store_unavailable`: it is no folder, somebody else's, a link, or open to others.
 */
export async function hasOwnFolder(path: string): Promise<boolean> {
  const stats = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw systemError(`${path} cannot be read`, error, 'read')
  })
  if (stats === undefined) return false
  if (!stats.isDirectory()) throw diskError(`${path} must be a folder, not a link or a file.`, 'folder')
  requireOwn(path, stats)
  if (!isWindows && (stats.mode & othersMay) !== 0)
    throw diskError(
      `Others may enter ${path}, where tokens lie. Close it: chmod 700 '${path}'.`,
      'folder_mode',
    )
  return true
}

/** What lies in a folder, in order. @throws {LatchkeyError} `store_unavailable`: it cannot be read. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (error) {
    // No folder, or a file among the folders: there are no accounts.
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return []
    throw systemError(`${folder} cannot be read`, error, 'read')
  }
}

/** @throws {LatchkeyError} `store_unavailable`: it is somebody else's. */
export function requireOwn(path: string, { uid }: { readonly uid: number }): void {
  const own = process.getuid?.()
  if (own === undefined || uid === own) return
  throw diskError(
    `${path} belongs to another user (uid ${uid}). Take it over, or use another folder.`,
    'owner',
  )
}

/** With `recursive`, mkdir() tries for ever in a folder that is there and takes no others, as `/proc` is. */
async function makeFolder(path: string): Promise<void> {
  const make = (): Promise<void> =>
    mkdir(path, { mode: folderMode }).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
  try {
    await make()
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolder(dirname(path))
    await make()
  }
}
