import { LatchkeyError } from '@latchkey/core'
import type { Latchkey, LoginRequirement } from '@latchkey/core/adapter'
import type { FastifyRequest } from 'fastify'
import { PlainFastifyRequest } from './translate.ts'

/** A hook for `onRequest` or `preHandler`. */
export type LoginHook = (request: FastifyRequest) => Promise<void>

/**
 * A hook that passes on requests which meet the requirement, and throws for all others.
 * @throws {LatchkeyError} `invalid_options` at once: the requirement cannot be met, or it is a request.
 */
export function requireLogin<Id extends string>(
  core: Latchkey<Id>,
  requirement: LoginRequirement<Id>,
): LoginHook {
  core.checkRequirement(requirement)
  return async (request) => {
    // Missing when this route stands outside of the scope that Latchkey is registered in.
    const oauth: object | undefined | null = request.oauth
    if (oauth === undefined || oauth === null) {
      throw new LatchkeyError(
        'not_supported',
        'requireLogin() found no request.oauth: await app.register(auth) in the same scope, or one around it, before the ' +
          'routes that need it.',
      )
    }
    await core.guard(new PlainFastifyRequest(request), oauth, requirement)
  }
}
