import { LatchkeyError } from '@latchkey/core'
import type { FastifyInstance } from 'fastify'

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

/** @throws {LatchkeyError} `not_supported`: Express has mounted it, and this is its request. */
export function requireFastify(app: object): void {
  if ('addHook' in app) return
  throw new LatchkeyError(
    'not_supported',
    'app.use() got Latchkey for Fastify. Import latchkey from @latchkey/express, which takes the same options.',
  )
}

/** @throws {LatchkeyError} `invalid_options`: one of the routes is there already, of Latchkey's or of the app's own. */
export function requireFreeRoutes(app: FastifyInstance, urls: readonly string[]): void {
  const taken = urls.find((url) => app.hasRoute({ method: 'GET', url: app.prefix + url }))
  if (taken === undefined) return
  throw new LatchkeyError(
    'invalid_options',
    `There is a route ${app.prefix}${taken} already. Register Latchkey once, and a second instance, or beside a route of ` +
      'your own, with the option routes: { prefix }.',
  )
}
