import type { Latchkey, Reply } from '@latchkey/core/adapter'
import type { ErrorRequestHandler, Request, Response } from 'express'
import { ExpressRequest } from './translate.ts'

/** Express's error middleware for Latchkey's errors. Every other error, and every begun response, is passed on. */
export function errorHandler(
  core: Pick<Latchkey, 'errorReply'>,
  answer: (req: Request, res: Response, reply: Reply) => Promise<void>,
): ErrorRequestHandler {
  return async (error, req, res, next) => {
    const reply = res.headersSent
      ? undefined
      : await core.errorReply(error, new ExpressRequest(req), req.oauth)
    if (reply === undefined) next(error)
    else await answer(req, res, reply)
  }
}
