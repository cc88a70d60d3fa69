import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { LatchkeyError } from './errors.ts'
import type { Logger } from './log.ts'
import { type LatchkeyOptions, type Settings, settingsOf } from './options.ts'
import { spotify } from './providers/index.ts'
import { memoryStore } from './store/memory-store.ts'

const secret = (): string => randomBytes(32).toString('base64url')
const baseUrl = 'http://127.0.0.1:3000'
const clientSecret = 'client-secret-of-spotify-0123456789-abcdefgh'
const configured = spotify({ clientId: 'client-1', clientSecret })
const complete: LatchkeyOptions = { baseUrl, secret: secret(), providers: [configured] }

function logger() {
  return {
    debug: vi.fn<Logger['debug']>(),
    info: vi.fn<Logger['info']>(),
    warn: vi.fn<Logger['warn']>(),
    error: vi.fn<Logger['error']>(),
  }
}

function settings(
  options: Partial<LatchkeyOptions> = {},
  environment: Record<string, string> = {},
): Settings {
  return settingsOf({ ...complete, logger: logger(), ...options }, environment)
}

function fault(options: Partial<LatchkeyOptions>, environment: Record<string, string> = {}): string {
  try {
    settings(options, environment)
  } catch (error) {
    if (LatchkeyError.is(error) && error.code === 'invalid_options') return error.message
    throw error
  }
  throw new Error('the options were accepted')
}

/** The options of a JavaScript app may leave out what the types demand. */
const without = (...names: (keyof LatchkeyOptions)[]): Partial<LatchkeyOptions> =>
  Object.fromEntries(names.map((name) => [name, undefined]))

const production = { NODE_ENV: 'production' }

describe('the option baseUrl', () => {
  it.each([
    ['http://127.0.0.1:3000', {}],
    ['http://[::1]:3000', {}],
    ['http://127.1.2.3', {}],
    ['https://app.example', {}],
    ['https://app.example/prefix/', production],
  ])('takes %s', (value, environment) => {
    const [first] = settings({ baseUrl: value }, environment).baseUrls
    expect(first.origin).toBe(new URL(value).origin)
  })

  it.each([
    ['http://localhost:3000', {}, 'http://127.0.0.1:3000'],
    ['http://app.example', {}, 'https://app.example'],
    ['http://app.example', production, 'https'],
    ['http://127.0.0.1:3000', production, 'https'],
    ['http://127.0.0.1.evil.example', {}, 'https'],
    ['app.example', {}, 'https://app.example'],
    ['ftp://app.example', {}, 'http'],
    ['https://user:pw@app.example', {}, 'baseUrl'],
    ['https://app.example/?a=b', {}, 'baseUrl'],
  ])('case 29: refuses %s in %j and names the fix', (value, environment, fix) => {
    const message = fault({ baseUrl: value }, environment)
    expect(message).toContain('baseUrl')
    expect(message).toContain(fix)
    expect(message).not.toContain('user:pw')
  })

  it('comes from LATCHKEY_BASE_URL, which may name several', () => {
    const { baseUrls } = settings(without('baseUrl'), {
      LATCHKEY_BASE_URL: 'https://a.example, https://b.example/app',
    })
    expect(baseUrls.map(({ origin, path }) => origin + path)).toEqual([
      'https://a.example',
      'https://b.example/app',
    ])
  })

  it('is asked for by option and variable when it is missing', () => {
    expect(fault(without('baseUrl'))).toMatch(/baseUrl.*LATCHKEY_BASE_URL/)
    expect(fault({ baseUrl: [] })).toMatch(/baseUrl.*LATCHKEY_BASE_URL/)
  })

  it('never mixes http and https, because cookie names follow from it', () => {
    expect(fault({ baseUrl: [baseUrl, 'https://app.example'] })).toContain('mixes')
  })
})

describe('the option secret', () => {
  it('is no empty list', () => {
    expect(fault({ secret: [] })).toContain('secret is an empty list')
  })

  it.each([
    ['short', 'a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d', 'shorter than 32 bytes'],
    ['empty', '', 'shorter'],
    ['one character', 'a'.repeat(64), 'not random'],
    ['few characters', 'abcabdabcaabbccddabc'.repeat(3), 'not random'],
    ['a repeated piece', '0123456789abcdef'.repeat(2), 'not random'],
    ['a sequence', 'abcdefghijklmnopqrstuvwxyz0123456789', 'not random'],
    ['a sequence backwards', '9876543210zyxwvutsrqponmlkjihgfedcba', 'not random'],
    ['an example', 'change-me-please-change-me-please-1', 'example'],
    ['another example', 'my-super-secret-key-0123456789-xyz!', 'example'],
    ['a client secret', clientSecret.replaceAll('secret', 's3cr3t'), 'client secret'],
  ])('case 49: refuses %s and says why without repeating it', (_name, value, reason) => {
    const providers = [
      spotify({ clientId: 'client-1', clientSecret: clientSecret.replaceAll('secret', 's3cr3t') }),
    ]
    const message = fault({ secret: value, providers })
    expect(message).toContain(reason)
    expect(message).toContain('secret')
    expect(message).toContain('LATCHKEY_SECRET')
    if (value !== '') expect(message).not.toContain(value)
  })

  it('case 49: names the entry of a list', () => {
    expect(fault({ secret: [secret(), 'too short'] })).toContain('Entry 2')
  })

  it.each([16, 32, 48])('takes %i drawn bytes in hex and base64, time after time', (bytes) => {
    for (let draw = 0; draw < 300; draw += 1) {
      const drawn = randomBytes(bytes)
      expect(settings({ secret: drawn.toString('hex') }).secrets).toHaveLength(1)
      if (bytes >= 32) expect(settings({ secret: drawn.toString('base64url') }).secrets).toHaveLength(1)
    }
  })

  it('case 49: is a random one outside production, with a warning that shows nothing of it', () => {
    const log = logger()
    const [first] = settings({ ...without('secret'), logger: log }).secrets
    const [second] = settings({ ...without('secret'), logger: log }).secrets
    expect(first).not.toBe(second)
    expect(log.warn).toHaveBeenCalledWith(
      { event: 'options.random_secret' },
      expect.stringContaining('LATCHKEY_SECRET'),
    )
    expect(JSON.stringify(log.warn.mock.calls)).not.toContain(first)
  })

  it('case 49: is demanded in production', () => {
    const message = fault({ ...without('secret'), baseUrl: 'https://app.example' }, production)
    expect(message).toMatch(/option secret is missing.*LATCHKEY_SECRET/)
  })

  it('comes from LATCHKEY_SECRET, which may hold several: the first seals', () => {
    const [a, b] = [secret(), secret()]
    expect(settings(without('secret'), { LATCHKEY_SECRET: `${a},${b}` }).secrets).toEqual([a, b])
  })

  it('case 49: gives the app session keys of its own, pairwise distinct', () => {
    const list = [secret(), secret()]
    const derived = settings({ secret: list }).appSession?.secrets ?? []
    expect(new Set([...list, ...derived]).size).toBe(4)
  })
})

describe('the option providers', () => {
  it('takes client id and secret from <ID>_CLIENT_ID and <ID>_CLIENT_SECRET', () => {
    const { providers } = settings(
      { providers: [spotify({ id: 'spotify-eu' })] },
      { SPOTIFY_EU_CLIENT_ID: 'id-1', SPOTIFY_EU_CLIENT_SECRET: 'secret-1' },
    )
    expect(providers[0]).toMatchObject({ id: 'spotify-eu', clientId: 'id-1', clientSecret: 'secret-1' })
  })

  it('names option and variable of what is missing', () => {
    expect(fault({ providers: [spotify()] })).toMatch(/clientId.*SPOTIFY_CLIENT_ID/)
    expect(fault({ providers: [spotify({ clientId: 'a' })] })).toMatch(/clientSecret.*SPOTIFY_CLIENT_SECRET/)
  })

  it('names all that is missing at once', () => {
    const message = fault({ providers: [spotify(), configured, spotify({ id: 'other', clientSecret: 'b' })] })
    expect(message).toBe(
      'spotify: clientId and clientSecret are missing. Pass the options, or set the environment variables ' +
        'SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET.\n' +
        'other: clientId is missing. Pass the option clientId, or set the environment variable OTHER_CLIENT_ID.',
    )
  })

  it('refuses two of one id', () => {
    expect(fault({ providers: [configured, configured] })).toContain('"spotify"')
  })

  it('refuses none, unless they are resolved', async () => {
    expect(fault({ providers: [] })).toContain('providers')
    const resolved = settings({
      providers: [],
      resolveProvider: (id) => spotify({ id, clientId: 'a', clientSecret: 'b' }),
    })
    expect(await resolved.resolveProvider?.('tenant-1')).toMatchObject({ id: 'tenant-1', clientId: 'a' })
  })

  it('refuses a resolved provider with another id than was asked for', async () => {
    const { resolveProvider } = settings({ resolveProvider: () => configured })
    await expect(resolveProvider?.('tenant-1')).rejects.toMatchObject({ code: 'invalid_options' })
  })
})

describe('the options signIn, session, routes and trustedOrigins', () => {
  it.each([
    [{ signIn: { idleSeconds: 0 } }, 'signIn.idleSeconds'],
    [{ signIn: { idleSeconds: 1.5 } }, 'signIn.idleSeconds'],
    [{ signIn: { absoluteSeconds: Number.POSITIVE_INFINITY } }, 'signIn.absoluteSeconds'],
    [{ signIn: { absoluteSeconds: 401 * 86_400 } }, 'signIn.absoluteSeconds'],
    [{ signIn: { cookieName: 'a b' } }, 'signIn.cookieName'],
    [{ signIn: { cookieName: 'a;b=c' } }, 'signIn.cookieName'],
    [{ signIn: { sameSite: 'none' } }, 'signIn.sameSite'],
    [{ signIn: { sameSite: 'toString' } }, 'signIn.sameSite'],
    [{ signIn: { sameSite: 'strict' } }, 'signIn.sameSite'],
    [{ signIn: { cookieName: 'sid' }, session: { cookieName: 'sid' } }, 'session.cookieName'],
    [{ signIn: { domain: 'example.com' } }, 'signIn.domain'],
    [{ baseUrl: 'https://app.example.com', signIn: { domain: 'ample.com' } }, 'signIn.domain'],
    [{ baseUrl: 'https://app.example.com', signIn: { domain: 'com' } }, 'signIn.domain'],
    [{ session: { idleSeconds: -1 } }, 'session.idleSeconds'],
    [{ session: { cookieName: '' } }, 'session.cookieName'],
    [{ routes: { prefix: 'auth' } }, 'routes.prefix'],
    [{ routes: { prefix: '/auth/' } }, 'routes.prefix'],
    [{ routes: { login: '/' } }, 'routes.login'],
    [{ routes: { login: '/a/../b' } }, 'routes.login'],
    [{ routes: { callback: '/call%62ack' } }, 'routes.callback'],
    [{ routes: { logout: '/login' } }, 'differ'],
    [{ routes: { afterLogin: '//evil.example' } }, 'routes.afterLogin'],
    [{ routes: { afterLogout: 'https://evil.example' } }, 'routes.afterLogout'],
    [{ trustedOrigins: ['https://shop.example.com/path'] }, 'trustedOrigins'],
    [{ trustedOrigins: ['*'] }, 'trustedOrigins'],
  ])('refuses %j and names %s', (options, name) => {
    expect(fault(options as Partial<LatchkeyOptions>)).toContain(name)
  })

  it.each([
    [{}, { secure: false, port: '3000', sameSite: 'Lax', name: 'latchkey' }, 'latchkey-app-3000'],
    [{ baseUrl: 'https://app.example' }, { secure: true, port: '443' }, '__Host-latchkey-app'],
    [
      { baseUrl: 'https://app.example.com', signIn: { domain: 'example.com', sameSite: 'none' } },
      { secure: true, domain: 'example.com', sameSite: 'None' },
      '__Host-latchkey-app',
    ],
  ])('case 29: takes the cookies’ shape from %j', (options, cookie, appCookie) => {
    const made = settings(options as Partial<LatchkeyOptions>)
    expect(made.sessions.cookie).toMatchObject(cookie)
    expect(made.appSession).toMatchObject({ cookieName: appCookie, secure: made.sessions.cookie.secure })
  })

  it('has no app session with session: false', () => {
    expect(settings({ session: false }).appSession).toBeUndefined()
  })
})

describe('the option store', () => {
  it('is in memory, with one warning in production', () => {
    const log = logger()
    expect(settings({ baseUrl: 'https://app.example', logger: log }, production).store.durable).toBe(false)
    expect(log.warn).toHaveBeenCalledExactlyOnceWith(
      { event: 'options.memory_store' },
      expect.stringContaining('store'),
    )
  })

  it('is the given one, without a warning', () => {
    const [log, store] = [logger(), memoryStore()]
    expect(settings({ baseUrl: 'https://app.example', logger: log, store }, production).store).toBe(store)
    expect(log.warn).not.toHaveBeenCalled()
  })
})

describe('the lines at start', () => {
  it('go to the app’s logger, except in production', () => {
    const [log, quiet] = [logger(), logger()]
    settings({ logger: log }).announce('register this')
    settings({ logger: quiet, baseUrl: 'https://app.example' }, production).announce('register this')
    expect(log.info).toHaveBeenCalledExactlyOnceWith({ event: 'start' }, 'register this')
    expect(quiet.info).not.toHaveBeenCalled()
  })
})

describe('the documented defaults', () => {
  const documented = (file: string): ReadonlyMap<string, string> => {
    const source = readFileSync(new URL(file, import.meta.url), 'utf8')
    const found = source.matchAll(/@default (\S+)[^*]*(?:\n \*\/|\*\/)\s*readonly (\w+)\?/g)
    return new Map([...found].map(([, value = '', name = '']) => [name, value]))
  }

  it('are the ones that apply', () => {
    const { sessions, routes, appSession } = settings()
    const signIn = documented('./options/session-settings.ts')
    expect(Number(signIn.get('idleSeconds'))).toBe(sessions.idleSeconds)
    expect(Number(signIn.get('absoluteSeconds'))).toBe(sessions.absoluteSeconds)
    expect(signIn.get('cookieName')).toBe(`'${sessions.cookie.name}'`)
    expect(signIn.get('sameSite')).toBe(`'${sessions.cookie.sameSite.toLowerCase()}'`)
    const paths = documented('./options/routes.ts')
    expect(paths.size).toBe(6)
    for (const [name, path] of Object.entries(routes))
      expect([name, paths.get(name)]).toEqual([name, `'${path}'`])
    const session = documented('./options/app-session.ts')
    expect(session.get('cookieName')).toBe(`'${appSession?.cookieName.replace(/-\d+$/, '')}'`)
    expect(session.get('keep')).toBe(JSON.stringify(appSession?.keep))
    expect(appSession?.idleSeconds).toBe(sessions.idleSeconds)
  })
})
