import type { Request, RequestHandler } from 'express'
import { describe, expectTypeOf, it } from 'vitest'
import type { IdsOf } from './augment.ts'
import {
  type Account,
  exbo,
  type Latchkey,
  latchkey,
  type ProviderPreset,
  type RequestOAuth,
  spotify,
  type User,
} from './index.ts'

// These are checked by the compiler: the functions are never called.
const setUp = () => latchkey({ baseUrl: 'http://127.0.0.1:3000', providers: [spotify(), exbo()] })
const setUpRenamed = () => latchkey({ providers: [spotify({ id: 'spotify-eu' })] })
const setUpTenants = () =>
  latchkey({ providers: [spotify()], resolveProvider: (id: string) => spotify({ id }) as ProviderPreset })

describe('the types of latchkey()', () => {
  it('know the provider ids by themselves', () => {
    expectTypeOf<ReturnType<typeof setUp>>().toEqualTypeOf<Latchkey<'spotify' | 'exbo'>>()
    expectTypeOf<ReturnType<typeof setUpRenamed>>().toEqualTypeOf<Latchkey<'spotify-eu'>>()
    expectTypeOf<ReturnType<typeof setUpTenants>>().toEqualTypeOf<Latchkey<string>>()
  })

  it('refuse a typo', () => {
    const guards = (auth: ReturnType<typeof setUp>): RequestHandler[] => [
      auth.requireLogin(),
      auth.requireLogin({ provider: 'exbo', scope: ['any'] }),
      // @ts-expect-error no such provider
      auth.requireLogin({ provider: 'spotfy' }),
    ]
    const scopes = () => [
      spotify({ scope: ['user-read-email'] }),
      // @ts-expect-error no such option
      latchkey({ providers: [spotify()], baseURL: 'http://127.0.0.1:3000' }),
    ]
    expectTypeOf(guards).returns.items.toEqualTypeOf<RequestHandler>()
    expectTypeOf(scopes).toBeFunction()
  })

  it('make it middleware, so that app.use() takes it', () => {
    expectTypeOf<Latchkey<'spotify'>>().toExtend<RequestHandler>()
  })

  it('let onLogin use req.oauth', () => {
    const withCallback = () =>
      latchkey({
        providers: [spotify()],
        onLogin: (_login, req) => {
          expectTypeOf(req.oauth.requireUser()).toEqualTypeOf<User>()
          return req.oauth.isAuthenticated ? req.oauth.userId : undefined
        },
      })
    expectTypeOf(withCallback).returns.toEqualTypeOf<Latchkey<'spotify'>>()
  })
})

describe('the types of req.oauth', () => {
  type OAuth = RequestOAuth<'spotify' | 'exbo'>

  it('give a user once isAuthenticated was tested', () => {
    const name = (oauth: OAuth): string | undefined => {
      // @ts-expect-error nobody may be signed in
      oauth.user.id
      if (!oauth.isAuthenticated) {
        expectTypeOf(oauth.user).toEqualTypeOf<undefined>()
        return undefined
      }
      expectTypeOf(oauth.user).toEqualTypeOf<User>()
      expectTypeOf(oauth.userId).toEqualTypeOf<string>()
      return oauth.user.name
    }
    expectTypeOf(name).parameter(0).toEqualTypeOf<OAuth>()
  })

  it('take the provider ids that are registered', () => {
    const uses = (oauth: OAuth) => [
      oauth.account('spotify'),
      oauth.account('exbo', '7'),
      // @ts-expect-error no such provider
      oauth.account('spotfy'),
    ]
    const logins = (oauth: OAuth) => [
      oauth.login({ provider: 'exbo', returnTo: '/' }),
      // @ts-expect-error no such provider
      oauth.login({ provider: 'spotfy' }),
    ]
    expectTypeOf(uses).returns.items.toEqualTypeOf<Account<'spotify' | 'exbo'>>()
    expectTypeOf(logins).returns.items.toEqualTypeOf<Promise<void>>()
  })

  it('have the platform’s fetch', () => {
    expectTypeOf<OAuth['fetch']>().toEqualTypeOf<typeof globalThis.fetch>()
    expectTypeOf<Account['fetch']>().toEqualTypeOf<typeof globalThis.fetch>()
  })

  it('know the ids after Register, and are open without it', () => {
    expectTypeOf<IdsOf<{ auth: Latchkey<'spotify' | 'exbo'> }>>().toEqualTypeOf<'spotify' | 'exbo'>()
    // biome-ignore lint/complexity/noBannedTypes: an empty Register is what apps start with
    expectTypeOf<IdsOf<{}>>().toEqualTypeOf<string>()
    expectTypeOf<Request['oauth']>().toHaveProperty('requireUser')
    expectTypeOf<Request['session']>().toHaveProperty('regenerate')
  })
})
