import { randomBytes } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import { LatchkeyError } from './errors.ts'
import { type LatchkeyOptions, settingsOf } from './options.ts'
import { exbo, oauth2, oidc, spotify } from './providers/index.ts'
import { memoryStore } from './store/memory-store.ts'

const configured = spotify({ clientId: 'client-1', clientSecret: 'client-secret-1' })
const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
const complete = {
  baseUrl: 'http://127.0.0.1:3000',
  secret: randomBytes(32).toString('base64url'),
  providers: [configured],
  logger: log,
}

/** What an app in JavaScript could pass. */
function fault(options: unknown): string {
  try {
    settingsOf(options as LatchkeyOptions, {})
  } catch (error) {
    if (LatchkeyError.is(error) && error.code === 'invalid_options') return error.message
    throw error
  }
  throw new Error('the options were accepted')
}

describe('latchkey() in an app without types', () => {
  it.each([
    [undefined, 'got nothing'],
    [null, 'got null'],
    ['https://app.example', 'got a string'],
    [[configured], 'got a list'],
    [spotify, 'got a function'],
  ])('refuses %j instead of its options', (options, got) => {
    expect(fault(options)).toContain(`latchkey() takes its options as one object, but ${got}`)
    expect(fault(options)).toContain('latchkey({ providers: [spotify()] })')
  })

  it.each([
    [undefined, /^The option providers is missing\. Pass a list .*\[spotify\(\)\]/],
    [null, /^The option providers must be a list.* It is null/],
    [configured, /^The option providers must be a list.* It is an object/],
    [spotify, /^The option providers must be a list.* It is a function/],
    [[spotify], /^Entry 1 of the option providers is a function\. .*call it: spotify\(\)/],
    [[configured, exbo], /^Entry 2 .*call it: exbo\(\)/],
    [[oidc], /call it: oidc\(\)/],
    [[oauth2], /call it: oauth2\(\)/],
    [[() => configured], /call it: spotify\(\)/],
    [['spotify'], /^Entry 1 of the option providers is a string\. .*\[spotify\(\)\]/],
    [[undefined], /^Entry 1 of the option providers is nothing/],
    [[configured, null], /^Entry 2 of the option providers is null/],
    [[{ id: 'spotify', clientId: 'a' }], /^Entry 1 .* an object that no preset made/],
  ])('refuses the providers %j', (providers, message) => {
    expect(fault({ ...complete, providers })).toMatch(message)
  })

  it.each([
    [{ logger: { log() {} } }, /^The option logger lacks debug \(function\), info .*, warn .*, error .*pino/],
    [{ logger: console.log }, /^The option logger lacks debug/],
    [{ logger: { ...log, warn: 'yes' } }, /^The option logger lacks warn \(function\)\./],
    [{ logger: true }, /^The option logger must be an object, not a boolean/],
    [
      { store: {} },
      /^The option store lacks sessions .*grants .*leases .*usedMarkers .*subjects .*appSessions .*durable .*close .*memoryStore\(\)/,
    ],
    [{ store: memoryStore }, /^The option store lacks sessions/],
    [{ store: { ...memoryStore(), leases: undefined } }, /^The option store lacks leases \(object\)\./],
    [{ store: null }, /^The option store is null/],
    [{ clock: {} }, /^The option clock lacks now \(function\), after \(function\)/],
    [{ dispatcher: {} }, /^The option dispatcher lacks dispatch/],
    [{ resolveProvider: configured }, /^The option resolveProvider must be a function .*not an object/],
    [{ baseUrl: new URL('https://app.example') }, /^The option baseUrl must be a string .*not an object/],
    [{ baseUrl: 3000 }, /^The option baseUrl must be a string .*not a number/],
    [{ secret: 12_345_678 }, /^The option secret must be a string .*not a number/],
    [{ secret: [randomBytes(32)] }, /^The option secret must be a string or a list of strings/],
    [{ trustedOrigins: 'https://a.example' }, /^The option trustedOrigins must be a list.*not a string/],
    [{ session: true }, /^The option session must be false or an object .*not a boolean/],
    [{ session: null }, /^The option session is null/],
    [{ session: { keep: 'cart' } }, /^The option session\.keep must be a list of keys.*not a string/],
    [{ session: { keep: [7] } }, /^The option session\.keep must be a list/],
    [{ signIn: 3600 }, /^The option signIn must be an object .*not a number/],
    [{ routes: '/auth' }, /^The option routes must be an object like \{ prefix: '\/auth' \}, not a string/],
  ])('refuses %j', (options, message) => {
    expect(fault({ ...complete, ...options })).toMatch(message)
  })

  it.each([
    [{ sesion: false }, 'latchkey() knows no "sesion". Did you mean "session"?'],
    [{ baseURL: 'https://app.example' }, 'latchkey() knows no "baseURL". Did you mean "baseUrl"?'],
    [{ provider: configured }, 'latchkey() knows no "provider". Did you mean "providers"?'],
    [{ cookie: {} }, 'latchkey() knows no "cookie". It knows baseUrl, secret, providers, '],
    [{ session: { keeps: [] } }, 'The option session knows no "keeps". Did you mean "keep"?'],
    [{ signIn: { samesite: 'lax' } }, 'The option signIn knows no "samesite". Did you mean "sameSite"?'],
    [{ routes: { afterlogin: '/' } }, 'The option routes knows no "afterlogin". Did you mean "afterLogin"?'],
  ])('refuses the unknown key of %j', (options, message) => {
    expect(fault({ ...complete, ...options })).toContain(message)
  })

  it('shows no value that could be a secret', () => {
    const options = { ...complete, secrets: complete.secret, clientSecret: 'client-secret-2' }
    expect(fault(options)).toContain('Did you mean "secret"?')
    expect(fault(options)).not.toContain(complete.secret)
    expect(fault({ ...complete, providers: [complete.secret] })).not.toContain(complete.secret)
  })

  it('refuses what resolveProvider returns when no preset made it', async () => {
    const options = { ...complete, resolveProvider: () => spotify } as unknown as LatchkeyOptions // as above
    const found = settingsOf(options, {}).resolveProvider?.('tenant')
    await expect(found).rejects.toThrow(
      /^What the option resolveProvider returned is a function.*spotify\(\)/,
    )
  })

  it('takes every option left out by undefined, and a logger that is a class', () => {
    class Log {
      debug() {}
      info() {}
      warn() {}
      error() {}
    }
    // The types forbid to pass `undefined`; an app in JavaScript may.
    const absent = { store: undefined, clock: undefined, dispatcher: undefined, resolveProvider: undefined }
    const settings = settingsOf(
      { ...complete, ...absent, logger: new Log() } as unknown as LatchkeyOptions,
      {},
    )
    expect(settings.providers).toHaveLength(1)
  })
})
