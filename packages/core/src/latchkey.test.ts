import { randomBytes } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import { Latchkey } from './latchkey.ts'
import type { Logger } from './log.ts'
import type { LatchkeyOptions } from './options.ts'
import { exbo, nadeo, spotify } from './providers/index.ts'
import { memoryStore } from './store/memory-store.ts'

const credentials = { clientId: 'client-1', clientSecret: 'client-secret-1' }

function compose(options: Partial<LatchkeyOptions<'spotify' | 'exbo' | 'nadeo'>> = {}) {
  const info = vi.fn<Logger['info']>()
  const latchkey = new Latchkey({
    baseUrl: 'https://app.example/prefix',
    secret: randomBytes(32).toString('base64url'),
    providers: [spotify(credentials), exbo({ ...credentials, callbackPath: '/oauth/back' })],
    logger: { debug: vi.fn(), info, warn: vi.fn(), error: vi.fn() },
    ...options,
  })
  return { latchkey, info }
}

describe('Latchkey', () => {
  it('describes its providers with the addresses to link to and to register', () => {
    expect(compose().latchkey.providers).toEqual([
      {
        id: 'spotify',
        name: 'Spotify',
        loginPath: '/prefix/login/spotify',
        redirectUri: 'https://app.example/prefix/callback/spotify',
      },
      {
        id: 'exbo',
        name: expect.any(String),
        loginPath: '/prefix/login/exbo',
        redirectUri: 'https://app.example/prefix/oauth/back',
      },
    ])
  })

  it('offers no sign-in with a provider that only gives the app tokens of its own', async () => {
    const login = { account: 'service', login: 'l', password: 'p', userAgent: 'tests' } as const
    const { latchkey, info } = compose({ providers: [spotify(credentials), nadeo(login)] })
    latchkey.announce()
    expect(latchkey.providers.map(({ id }) => id)).toEqual(['spotify'])
    expect(latchkey.paths.filter((path) => path.includes('nadeo'))).toEqual([])
    expect(latchkey.buttons()).not.toContain('nadeo')
    expect(info.mock.calls.filter(([, line]) => line.includes('nadeo'))).toEqual([])
    expect(() => latchkey.application('nadeo', { audience: 'maps' })).toThrow(/audience is unknown there/)
  })

  it('names the paths that it answers, without what a proxy strips', () => {
    expect(compose({ routes: { prefix: '/auth' } }).latchkey.paths).toEqual([
      '/auth/login',
      '/auth/logout',
      '/auth/login/spotify',
      '/auth/callback/spotify',
      '/auth/login/exbo',
      '/oauth/back',
    ])
  })

  it('says once per provider what to register', () => {
    const { latchkey, info } = compose()
    latchkey.announce()
    expect(info.mock.calls.map(([, line]) => line)).toEqual([
      expect.stringContaining('https://app.example/prefix/callback/spotify'),
      expect.stringContaining('https://app.example/prefix/oauth/back'),
    ])
  })

  it('says so for every baseUrl', () => {
    const { latchkey, info } = compose({ baseUrl: ['https://a.example', 'https://b.example/app'] })
    latchkey.announce()
    expect(info.mock.calls.map(([, line]) => line.replace(/^.*: /, ''))).toEqual([
      'https://a.example/callback/spotify',
      'https://b.example/app/callback/spotify',
      'https://a.example/oauth/back',
      'https://b.example/app/oauth/back',
    ])
  })

  it('warns at start on a Node that is too old', () => {
    const warn = vi.fn<Logger['warn']>()
    const logger = { debug: vi.fn(), info: vi.fn(), warn, error: vi.fn() }
    vi.stubGlobal('process', Object.create(process, { versions: { value: { node: '22.18.0' } } }))
    compose({ logger })
    vi.unstubAllGlobals()
    compose({ logger })
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      { event: 'options.node_version', version: '22.18.0' },
      expect.stringContaining('22.19'),
    )
  })

  it('refuses a requirement that no provider can meet, unless more are resolved', () => {
    const misspelt = { provider: 'spotfy' }
    expect(() => compose().latchkey.checkRequirement(misspelt)).toThrow('Did you mean "spotify"?')
    const resolving = compose({ resolveProvider: () => undefined }).latchkey
    expect(resolving.checkRequirement(misspelt)).toBeUndefined()
  })

  it('refuses a redirect URI that the provider is known to refuse', () => {
    const refusal = /Spotify.*localhost.*baseUrl/
    expect(() => compose({ baseUrl: 'https://localhost:3000' })).toThrow(refusal)
    expect(() => compose({ baseUrl: ['https://app.example', 'https://localhost:3000'] })).toThrow(refusal)
  })

  it('closes its store, and no dispatcher that was passed in', async () => {
    const store = { ...memoryStore(), close: vi.fn(async () => {}) }
    const dispatcher = { close: vi.fn(), dispatch: vi.fn() }
    // Only a dispatcher's `dispatch` is ever used.
    const options = { store, dispatcher: dispatcher as unknown as NonNullable<LatchkeyOptions['dispatcher']> }
    await compose(options).latchkey.close()
    expect(store.close).toHaveBeenCalledOnce()
    expect(dispatcher.close).not.toHaveBeenCalled()
  })
})
