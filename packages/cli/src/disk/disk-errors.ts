import { LatchkeyError } from '@latchkey/core'

/** What is wrong with a file or folder, and what to do about it. The path is named; nothing that stands in it is. */
export function diskError(problem: string, reason: string): LatchkeyError {
  return new LatchkeyError('store_unavailable', `${problem} Nothing was changed.`, { reason })
}

/** What the system goes on refusing until somebody mends it. */
const lastingReasons: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'file_rights'],
  ['EPERM', 'file_rights'],
  ['EROFS', 'file_rights'],
  ['ENOTDIR', 'folder'],
  ['ENAMETOOLONG', 'folder'],
])

/**
 * What the system refused, as {@link diskError} says it.
 * @param reason holds unless the system will go on refusing.
 */
export function systemError(problem: string, error: unknown, reason: string): LatchkeyError {
  const code = codeOf(error)
  return diskError(`${problem} (${code}).`, lastingReasons.get(code) ?? reason)
}

/** `ENOENT` and the like. */
export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown'
}
