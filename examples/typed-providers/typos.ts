// Nothing here ever runs. `npm run types` compiles it: below each `@ts-expect-error` stands a mistake that the compiler
// finds. Would it not find one any more, the comment itself would be an error.
import { exbo, latchkey, spotify } from '@latchkey/express'
import type { Request, RequestHandler } from 'express'
import { auth } from './auth.ts'

export const guards: readonly RequestHandler[] = [
  auth.requireLogin({ provider: 'spotify' }),
  // @ts-expect-error: no provider has this id
  auth.requireLogin({ provider: 'spotfy' }),
  // @ts-expect-error: no such option, which would let in more people than meant
  auth.requireLogin({ providers: 'spotify' }),
]

export async function route(req: Request): Promise<void> {
  await req.oauth.account('exbo').status()
  // @ts-expect-error: no provider has this id
  await req.oauth.account('exxbo').status()
  // @ts-expect-error: no provider has this id
  await req.oauth.login({ provider: 'facebook' })
  // @ts-expect-error: perhaps nobody is signed in; ask req.oauth.isAuthenticated first, or use requireUser()
  req.oauth.user.name
  // @ts-expect-error: no such theme
  req.session.theme = 'drak'
  // @ts-expect-error: no such key
  req.session.them = 'dark'
}

export const others = [
  // @ts-expect-error: no such option
  () => latchkey({ baseURL: 'http://127.0.0.1:3000', providers: [spotify()] }),
  // @ts-expect-error: the id is the new one now
  () => latchkey({ providers: [spotify({ id: 'spotify-eu' })] }).requireLogin({ provider: 'spotify' }),
  // @ts-expect-error: no provider has this id
  () => latchkey({ providers: [spotify(), exbo()] }).application('spotfy'),
]
