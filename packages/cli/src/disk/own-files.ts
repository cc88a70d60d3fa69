import { constants } from 'node:fs'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { randomId } from '@latchkey/core/terminal'
import { codeOf, diskError, systemError } from './disk-errors.ts'
import { namesIn, requireOwn } from './own-folders.ts'

const fileMode = 0o600
const othersMay = 0o077
const isWindows = process.platform === 'win32'
const largestFile = 1_000_000
/** More than the tokens of most servers take. */
const usualFile = 16_384

/**
 * The text of a file of one's own; `undefined`: there is none. The checks are made on what was opened, so that nothing can
 * be put in its place between them and the reading.
 * @throws {LatchkeyError} `store_unavailable`: no plain file, a link, somebody else's, or open to others.
 */
export async function readOwnFile(path: string): Promise<string | undefined> {
  const file = await openOwn(path)
  if (file === undefined) return undefined
  try {
    const stats = await file.stat()
    if (!stats.isFile())
      throw diskError(`${path} must be a plain file. Move it away and sign in again.`, 'file_kind')
    requireOwn(path, stats)
    if (!isWindows && stats.nlink > 1)
      throw diskError(
        `${path} has a second name (a hard link). Remove it there and sign in again.`,
        'file_links',
      )
    if (!isWindows && (stats.mode & othersMay) !== 0)
      throw diskError(
        `Others may read ${path}, which holds tokens. Close it: chmod 600 '${path}'.`,
        'file_mode',
      )
    if (stats.size > largestFile)
      throw diskError(`${path} is too large to be ours. Move it away and sign in again.`, 'file_size')
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

/**
 * Puts a file in the place of another, whole or not at all: a crash, or a disk that is full, leaves the old one.
 * @throws {LatchkeyError} `store_unavailable`
 */
export async function replaceOwnFile(path: string, text: string): Promise<void> {
  const draft = draftBeside(path)
  try {
    await writeNewFile(draft, text, 'to_disk')
    await rename(draft, path)
  } catch (error) {
    await unlink(draft).catch(() => {})
    throw systemError(`${path} cannot be written`, error, 'write')
  }
  // It stands there now, whatever the machine would make of it in a crash.
  await syncFolder(dirname(path)).catch(() => {})
}

/**
 * Finds out whether there is room for a file, and the right to write it.
 * @throws {LatchkeyError} `store_unavailable`
 */
export async function requireRoomFor(path: string): Promise<void> {
  const draft = draftBeside(path)
  try {
    await writeNewFile(draft, ' '.repeat(usualFile))
  } catch (error) {
    throw systemError(`${path} cannot be written`, error, 'write')
  } finally {
    await unlink(draft).catch(() => {})
  }
}

/**
 * Writes a file that is not there yet; `to_disk`: so that it outlives a crash of the machine. Fails with `EEXIST` where one
 * is, a link too.
 */
export async function writeNewFile(path: string, text: string, how?: 'to_disk'): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, fileMode)
  try {
    // The umask may have taken more away than wanted, never less.
    await file.chmod(fileMode)
    await file.writeFile(text)
    if (how === 'to_disk') await file.sync()
  } finally {
    await file.close()
  }
}

/** Removes a file, if it is there. @throws {LatchkeyError} `store_unavailable`: it is still there. */
export async function removeOwnFile(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return
    throw systemError(`${path} cannot be removed`, error, 'write')
  })
}

/**
 * Removes what processes that were killed have left beside a file: what {@link replaceOwnFile} was about to put in its place
 * may hold tokens. To be called by the one process that may write the file now.
 */
export async function removeDrafts(path: string): Promise<void> {
  for (const other of await filesBeside(path, /\.(?:draft|tmp)$/)) await unlink(other).catch(() => {})
}

/** Where a corrupt file is put aside. It may hold tokens. @param now epoch seconds */
export function asideOf(path: string, now: number): string {
  return `${path}.corrupt-${Math.floor(now)}`
}

/** Removes what was put aside. @throws {LatchkeyError} `store_unavailable`: some of it is still there. */
export async function removeAside(path: string): Promise<void> {
  for (const other of await filesBeside(path, /\.corrupt-\d+$/)) await removeOwnFile(other)
}

async function filesBeside(path: string, ending: RegExp): Promise<readonly string[]> {
  const folder = dirname(path)
  const start = `${basename(path)}.`
  const names = await namesIn(folder)
  return names.filter((name) => name.startsWith(start) && ending.test(name)).map((name) => join(folder, name))
}

function draftBeside(path: string): string {
  return `${path}.${randomId(128)}.draft`
}

async function openOwn(path: string): Promise<FileHandle | undefined> {
  try {
    // Without O_NONBLOCK a pipe would hold the program until somebody writes to it.
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') return undefined
    if (code === 'ELOOP' || code === 'EMLINK')
      throw diskError(`${path} must not be a link. Move it away and sign in again.`, 'file_kind')
    throw systemError(`${path} cannot be read`, error, 'read')
  }
}

async function syncFolder(path: string): Promise<void> {
  if (isWindows) return
  const folder = await open(path, constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
