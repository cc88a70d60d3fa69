import { readdir } from 'node:fs/promises'
import { digest } from '@latchkey/core/terminal'
import { codeOf, systemError } from './own-files.ts'

/** As it is where it cannot mean anything to a file system; else a digest. */
export function safeName(name: string): string {
  return /^[\w-][\w.-]{0,99}$/.test(name) && !name.includes('.json') ? name : digest('file name', name)
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
