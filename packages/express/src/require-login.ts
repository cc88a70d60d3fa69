import { LatchkeyError } from '@latchkey/core'
import type { Latchkey, LoginRequirement } from '@latchkey/core/adapter'
import type { RequestHandler } from 'express'
import { ExpressRequest } from './translate.ts'

/**
 * Middleware that passes on requests which meet the requirement, and throws for all others.
 * @throws {LatchkeyError} `invalid_options` at once: the requirement cannot be met, or it is a request.
 */
export function requireLogin<Id extends string>(
  core: Latchkey<Id>,
  requirement: LoginRequirement<Id>,
): RequestHandler {
  core.checkRequirement(requirement)
  return async (req, _res, next) => {
    // Missing when this route was registered before, or outside of, what Latchkey is mounted on.
    const oauth: object | undefined = req.oauth
    if (oauth === undefined) {
      throw new LatchkeyError(
        'not_supported',
        'requireLogin() found no req.oauth: mount app.use(auth) without a path and before the routes that need it.',
      )
    }
    await core.guard(new ExpressRequest(req), oauth, requirement)
    next()
  }
}
