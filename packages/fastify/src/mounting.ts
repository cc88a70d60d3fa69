import { LatchkeyError } from '@latchkey/core'

/**
 * The paths that Latchkey answers, as a scope with this prefix names them.
 * @param prefix of the scope; `option` of the registration, which Fastify gives to no scope of a plugin like this one.
 * @throws {LatchkeyError} `invalid_options`: its routes lie elsewhere, so nobody could sign in.
 */
export function scopedPaths(
  paths: readonly string[],
  prefix: string,
  option: string | undefined,
): readonly string[] {
  const wanted = option === undefined || option === '/' ? prefix : prefix + option
  if (!paths.every((path) => wanted === '' || path.startsWith(`${wanted}/`))) {
    throw new LatchkeyError(
      'invalid_options',
      `app.register() puts Latchkey under ${wanted}, and its routes are ${paths.join(', ')}. ` +
        `Set the option routes: { prefix: '${wanted}' } of latchkey(), or register it without a prefix.`,
    )
  }
  return paths.map((path) => path.slice(prefix.length))
}
