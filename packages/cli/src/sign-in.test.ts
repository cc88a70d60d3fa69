import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { inspect } from 'node:util'
import { LatchkeyError } from '@latchkey/core'
import {
  type Auth0,
  type Spotify,
  startAuth0,
  startBitfount,
  startExbo,
  startSpotify,
  TestClock,
  UserAgent,
} from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../test/free-port.ts'
import {
  type Auth0Options,
  auth0,
  bitfount,
  type DiskStore,
  diskStore,
  exbo,
  openAccount,
  type Prompt,
  type SignInOptions,
  signIn,
  spotify,
} from './index.ts'

type Emulator = Pick<Spotify | Auth0<undefined>, 'as' | 'apiOrigin' | 'marks' | 'presetOverrides'>

/** A person at a terminal, with a browser, and a folder of their own. */
function person(emulator: Emulator, clock: TestClock) {
  const root = mkdtempSync(join(tmpdir(), 'latchkey-sign-in-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const folder = join(root, 'latchkey')
  const lines: string[] = []
  const log = (fields: object, message: string): void =>
    void lines.push(`${JSON.stringify(fields)} ${message}`)
  const logger = { debug: log, info: log, warn: log, error: log }
  const store = diskStore({ folder, clock, logger })
  const output = new PassThrough()
  output.on('data', (chunk: Buffer) => void lines.push(chunk.toString()))
  const input = new PassThrough()
  const browser = new UserAgent({ clock })
  const prompts: Prompt[] = []
  const shared = {
    store,
    clock,
    logger,
    terminal: { input, output },
    openBrowser: false,
  } satisfies Partial<SignInOptions>
  const files = (): string => filesBelow(folder)
  onTestFinished(() => expect(emulator.marks.findIn(lines)).toEqual([]))
  return { store, shared, input, browser, prompts, files, lines, folder }
}

function filesBelow(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n')
}

async function atSpotify(options: Parameters<typeof startSpotify>[0] = {}) {
  const clock = new TestClock()
  const emulator = await startSpotify({ clock, policy: { rotate: true, acceptsAnyClient: true }, ...options })
  onTestFinished(() => emulator.close())
  const at = person(emulator, clock)
  const { presetOverrides, apiOrigin } = emulator
  /** Somebody clicks through the browser as soon as they are told where. */
  const visiting = (choice: { as: string } | { deny: true } = { as: 'Ada' }) => ({
    onPrompt: (prompt: Prompt) => {
      at.prompts.push(prompt)
      void at.browser.signIn(prompt.url, choice).then((page) => {
        at.lines.push(page.text)
        pages.push({ status: page.status, text: page.text })
      })
    },
  })
  const pages: { readonly status: number; readonly text: string }[] = []
  const sign = (more: Partial<SignInOptions> = {}) =>
    signIn({ provider: spotify(presetOverrides), via: 'loopback', ...at.shared, ...visiting(), ...more })
  return { ...at, clock, emulator, sign, visiting, pages, me: `${apiOrigin}/v1/me` }
}

/** Gives a sign-in up while a request is held; the request is answered after that. */
async function givenUpDuring(
  hold: { readonly arrived: Promise<unknown>; release(): void },
  begin: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const stop = new AbortController()
  const signing = begin(stop.signal).catch((error: unknown) => error)
  await hold.arrived
  stop.abort(new Error('given up'))
  expect(await signing).toBe(stop.signal.reason)
  hold.release()
}

const tokenFiles = (store: DiskStore): ReturnType<DiskStore['accounts']> => store.accounts()

describe('signing in by loopback', () => {
  it('comes back from the browser, calls, refreshes, and is there the next time without being asked', async () => {
    const { sign, emulator, clock, prompts, pages, me, store } = await atSpotify()
    const account = await sign({ scope: ['user-top-read'] })
    expect([account.provider, account.profile, account.user]).toEqual([
      'spotify',
      'default',
      { id: 'account-user-ada', name: 'Ada' },
    ])
    await expect
      .poll(() => pages)
      .toEqual([{ status: 200, text: expect.stringContaining('You are signed in') }])
    expect((await account.fetch(me)).status).toBe(200)
    await clock.advance(3_601)
    expect((await account.fetch(me)).status).toBe(200)
    expect(emulator.as.mints).toMatchObject({ authorization_code: 1, refresh_token: 1 })
    const again = await sign({ scope: ['user-top-read'] })
    expect((await again.fetch(me)).status).toBe(200)
    expect(prompts).toHaveLength(1)
    expect(await tokenFiles(store)).toHaveLength(1)
    const [request] = emulator.as.requests
    expect(request?.query.get('redirect_uri')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/)
    expect(request?.query.get('code_challenge_method')).toBe('S256')
  })

  it('says what went wrong, in the terminal and in the browser, and stores nothing', async () => {
    const { sign, visiting, pages, store } = await atSpotify()
    await expect(sign(visiting({ deny: true }))).rejects.toMatchObject({ code: 'access_denied' })
    await expect
      .poll(() => pages)
      .toEqual([{ status: 400, text: expect.stringContaining('The sign-in failed') }])
    expect(await tokenFiles(store)).toEqual([])
  })

  it('ends when nobody comes, or when it is told to', async () => {
    const { sign } = await atSpotify()
    const nobody = { onPrompt: () => {} }
    await expect(sign({ ...nobody, timeoutSeconds: 0.05 })).rejects.toMatchObject({ reason: 'expired_token' })
    const stop = new AbortController()
    const waiting = sign({ ...nobody, signal: stop.signal })
    stop.abort(new Error('given up'))
    await expect(waiting).rejects.toThrow('given up')
  })

  it.each(['token', 'me'] as const)(
    'ends at once when it is told to, and stores nothing: %s hangs',
    async (endpoint) => {
      const { sign, emulator, store } = await atSpotify()
      const faults = endpoint === 'me' ? emulator.api.faults : emulator.as.faults
      await givenUpDuring(faults.hold(endpoint as never), (signal) => sign({ signal }))
      expect(await tokenFiles(store)).toEqual([])
    },
  )

  it('goes on where the program’s own way to open a browser waits for the page at its end', async () => {
    const { sign, browser } = await atSpotify()
    const account = await sign({
      onPrompt: () => {},
      openBrowser: (url) => browser.signIn(url, { as: 'Ada' }),
    })
    expect(account.user?.name).toBe('Ada')
  })

  it('asks anew for what is missing and for that alone, with what was granted', async () => {
    const { sign, prompts, emulator } = await atSpotify()
    const first = await sign({ scope: ['user-top-read', 'user-read-email'] })
    expect(await first.missingScopes('user-read-email', 'streaming')).toEqual(['streaming'])
    await sign({ scope: ['user-read-email'] })
    expect(prompts).toHaveLength(1)
    const more = await sign({ scope: ['streaming'] })
    expect(prompts).toHaveLength(2)
    expect((await more.status())?.scope).toEqual(['user-top-read', 'user-read-email', 'streaming'])
    const asked = emulator.as.requests.filter(({ endpoint }) => endpoint === 'authorize').at(-1)
    expect(asked?.query.get('scope')).toBe('user-top-read user-read-email streaming')
  })

  it('does not ask again for what was refused, or is called otherwise', async () => {
    const { sign, prompts } = await atSpotify({
      policy: { acceptsAnyClient: true, grantedScope: () => ['https://example.com/auth/top'] },
    })
    await sign({ scope: ['user-top-read'] })
    const again = await sign({ scope: ['user-top-read'] })
    expect(prompts).toHaveLength(1)
    expect(await again.missingScopes('user-top-read')).toEqual(['user-top-read'])
  })

  it('signs in anew by force, and where validate says no', async () => {
    const { sign, prompts } = await atSpotify()
    await sign()
    await sign({ force: true })
    expect(prompts).toHaveLength(2)
    await sign({ validate: () => true })
    expect(prompts).toHaveLength(2)
    await sign({ validate: async (account) => (await account.accessToken()).value === 'none' })
    expect(prompts).toHaveLength(3)
  })

  it('takes only the user that is wanted', async () => {
    const { sign, store } = await atSpotify()
    await expect(sign({ user: 'account-user-grace' })).rejects.toMatchObject({ code: 'account_mismatch' })
    expect(await tokenFiles(store)).toEqual([])
    expect((await sign({ user: 'account-user-ada' })).user?.name).toBe('Ada')
  })

  it('gives nobody the account of another user that is stored, and asks for the one that is wanted', async () => {
    const { sign, store, prompts, visiting } = await atSpotify()
    await sign()
    const grace = { user: 'account-user-grace' }
    await expect(sign({ ...grace, interactive: false })).rejects.toMatchObject({ code: 'account_mismatch' })
    await expect(sign(grace)).rejects.toMatchObject({ code: 'account_mismatch' })
    expect((await store.accounts()).map(({ about }) => about.user?.name)).toEqual(['Ada'])
    expect((await sign({ ...grace, ...visiting({ as: 'Grace' }) })).user?.name).toBe('Grace')
    expect((await sign(grace)).user?.name).toBe('Grace')
    expect(prompts).toHaveLength(3)
  })

  it('stores nothing when nobody can say who signed in and it matters', async () => {
    const { sign, emulator, store } = await atSpotify()
    emulator.api.faults.always('me', { status: 503 })
    await expect(sign({ user: 'account-user-ada' })).rejects.toMatchObject({ code: 'as_unavailable' })
    expect(await tokenFiles(store)).toEqual([])
    expect((await sign()).user).toBeUndefined()
  })

  it('asks nobody when the tokens could not be stored', async () => {
    const { sign, prompts, emulator, folder } = await atSpotify()
    symlinkSync('/nowhere', folder)
    await expect(sign()).rejects.toMatchObject({ code: 'store_unavailable', reason: 'folder' })
    expect([prompts, emulator.as.requests]).toEqual([[], []])
  })

  it('asks nobody when there is no room for the tokens', async () => {
    const { sign, prompts, store } = await atSpotify()
    store.requireRoomFor = () => Promise.reject(new LatchkeyError('store_unavailable', 'The disk is full.'))
    await expect(sign()).rejects.toThrow('The disk is full.')
    expect(prompts).toEqual([])
  })

  it('tells the browser that it worked only once the tokens are stored', async () => {
    const { sign, pages, store } = await atSpotify()
    const put = store.put.bind(store)
    store.put = async () => {
      expect(pages).toEqual([])
      throw new LatchkeyError('store_unavailable', 'The disk is full.')
    }
    await expect(sign()).rejects.toThrow('The disk is full.')
    await expect.poll(() => pages).toEqual([{ status: 400, text: expect.stringContaining('failed') }])
    store.put = put
  })
})

/** Somebody at a server that revokes. As the preset has it, that ends everything that its user has agreed to. */
async function atAuth0() {
  const clock = new TestClock()
  const emulator = await startAuth0({ clock, policy: { rotate: true, acceptsAnyClient: true } })
  onTestFinished(() => emulator.close())
  const at = person(emulator, clock)
  const provider = (overrides: Partial<Auth0Options<'auth0'>> = {}) =>
    auth0({ ...emulator.presetOverrides, domain: 'example.eu.auth0.com', ...overrides })
  const sign = (more: Partial<SignInOptions> & { readonly as?: string } = {}) => {
    const { as = 'Ada', ...options } = more
    return signIn({
      provider: provider(),
      via: 'loopback',
      scope: ['openid', 'offline_access'],
      ...at.shared,
      onPrompt: ({ url }) => void at.browser.signIn(url, { as }),
      ...options,
    })
  }
  const fullDisk = (): void => {
    at.store.put = () => Promise.reject(new LatchkeyError('store_unavailable', 'The disk is full.'))
  }
  /** Of each authorization that was given, in turn. */
  const areRevoked = (): boolean[] => emulator.as.grants().map(({ revoked }) => revoked)
  return { ...at, clock, emulator, provider, sign, fullDisk, areRevoked }
}

describe('tokens that were brought and are not stored', () => {
  it('are revoked: the disk is full', async () => {
    const { sign, fullDisk, areRevoked } = await atAuth0()
    fullDisk()
    await expect(sign()).rejects.toThrow('The disk is full.')
    expect(areRevoked()).toEqual([true])
  })

  it('are revoked: nobody can say that they are of the user that is wanted', async () => {
    const { sign, emulator, areRevoked } = await atAuth0()
    emulator.as.faults.always('userinfo', { status: 500 })
    await expect(sign({ user: 'user-ada' })).rejects.toMatchObject({ code: 'as_unavailable' })
    expect(areRevoked()).toEqual([true])
  })

  it('are revoked: they are of another user', async () => {
    const { sign, areRevoked } = await atAuth0()
    await sign()
    const other = { profile: 'other', as: 'Grace', user: 'somebody else' }
    await expect(sign(other)).rejects.toMatchObject({ code: 'account_mismatch' })
    expect(areRevoked()).toEqual([false, true])
  })

  it.each(['token', 'userinfo'] as const)('are revoked: it was given up while %s hung', async (endpoint) => {
    const { sign, emulator, areRevoked, store } = await atAuth0()
    await givenUpDuring(emulator.as.faults.hold(endpoint), (signal) => sign({ signal }))
    await expect.poll(areRevoked).toEqual([true])
    expect(await tokenFiles(store)).toEqual([])
  })

  it('are revoked: it was given up while the device asked', async () => {
    const { provider, shared, emulator, clock, areRevoked } = await atAuth0()
    const onPrompt = (prompt: Prompt): void => {
      if (prompt.via === 'device') emulator.as.approveDevice(prompt.userCode, 'user-ada')
    }
    const scope = ['openid', 'offline_access']
    const options = { ...shared, provider: provider(), via: 'device', scope, onPrompt } as const
    const hold = emulator.as.faults.hold('token')
    const polled = async (): Promise<void> => {
      let hasArrived = false
      void hold.arrived.then(() => {
        hasArrived = true
      })
      const arrivedBy = async (): Promise<boolean> => {
        await clock.advance(1)
        return hasArrived
      }
      await expect.poll(arrivedBy).toBe(true)
    }
    const held = { arrived: polled(), release: () => hold.release() }
    await givenUpDuring(held, (signal) => signIn({ ...options, signal }))
    await expect.poll(areRevoked).toEqual([true])
  })

  it('are revoked whatever is stored, where that ends nothing else', async () => {
    const { sign, fullDisk, areRevoked, provider } = await atAuth0()
    await sign()
    fullDisk()
    const endsOneToken = { provider: provider({ revocation: 'token' }) }
    await expect(sign({ ...endsOneToken, force: true })).rejects.toThrow('The disk is full.')
    expect(areRevoked()).toEqual([false, true])
  })

  it('are revoked where the account that is stored is one of another client, or in another provider’s folder', async () => {
    const { sign, fullDisk, areRevoked, provider, folder } = await atAuth0()
    await sign({ provider: provider({ clientId: 'another-client' }) })
    mkdirSync(join(folder, 'other'), { mode: 0o755 })
    writeFileSync(join(folder, 'other', 'a.json'), '')
    fullDisk()
    await expect(sign()).rejects.toThrow('The disk is full.')
    expect(areRevoked()).toEqual([false, true])
  })

  it('stay, and the log says it, where nobody knows what is stored or the server cannot be told', async () => {
    const { sign, fullDisk, areRevoked, emulator, folder, lines } = await atAuth0()
    fullDisk()
    emulator.as.faults.next('revoke', 1, { status: 503 })
    await expect(sign()).rejects.toThrow('The disk is full.')
    const atWork = { openBrowser: () => chmodSync(folder, 0o755) }
    await expect(sign(atWork)).rejects.toThrow('The disk is full.')
    expect(areRevoked()).toEqual([false, false])
    expect(lines.filter((line) => line.includes('could not be revoked at'))).toEqual([
      expect.stringContaining('"event":"sign_in.tokens_left","provider":"auth0","reason":"server_error"'),
      expect.stringContaining('"event":"sign_in.tokens_left","provider":"auth0","reason":"folder_mode"'),
    ])
  })

  it('keep nobody from the error for long, and nobody who gives up at all', async () => {
    const { sign, fullDisk, emulator } = await atAuth0()
    fullDisk()
    const hold = emulator.as.faults.hold('revoke')
    const stop = new AbortController()
    const signing = sign({ signal: stop.signal })
    await hold.arrived
    stop.abort(new Error('given up'))
    await expect(signing).rejects.toThrow('The disk is full.')
    hold.release()
  })

  it('stay where revoking would end the account that is stored', async () => {
    const { sign, fullDisk, areRevoked, emulator } = await atAuth0()
    await sign()
    const other = { profile: 'other', user: 'somebody else' }
    await expect(sign(other)).rejects.toMatchObject({ code: 'account_mismatch' })
    emulator.as.faults.next('userinfo', 1, { status: 500 })
    await expect(sign(other)).rejects.toMatchObject({ code: 'as_unavailable' })
    fullDisk()
    await expect(sign({ force: true })).rejects.toThrow('The disk is full.')
    expect(areRevoked()).toEqual([false, false, false, false])
    expect(await (await sign()).isValid()).toBe(true)
  })

  it('stay where nobody knows whose the account is that is stored', async () => {
    const { sign, areRevoked, emulator, lines } = await atAuth0()
    emulator.as.faults.next('userinfo', 1, { status: 500 })
    expect((await sign()).user).toBeUndefined()
    const other = { profile: 'other', as: 'Grace', user: 'somebody else' }
    await expect(sign(other)).rejects.toMatchObject({ code: 'account_mismatch' })
    expect(areRevoked()).toEqual([false, false])
    expect(lines.filter((line) => line.includes('sign_in.tokens_left'))).toEqual([
      expect.stringContaining('"reason":"stored"'),
    ])
  })
})

describe('an account that is stored', () => {
  it('is never asked for where nobody shall be asked', async () => {
    const { sign, emulator, shared, clock } = await atSpotify()
    const options = { provider: spotify(emulator.presetOverrides), ...shared }
    expect(await openAccount(options)).toBeUndefined()
    await expect(sign({ interactive: false })).rejects.toMatchObject({
      code: 'login_required',
      reason: 'signed_out',
    })
    await sign()
    expect((await openAccount(options))?.user?.name).toBe('Ada')
    emulator.as.killRefreshToken('user-ada')
    await clock.advance(3_601)
    const account = await openAccount(options)
    expect([await account?.isAuthorized(), await account?.isValid()]).toEqual([true, false])
    await expect(account?.fetch(emulator.apiOrigin)).rejects.toMatchObject({ code: 'login_required' })
    await expect(sign({ interactive: false })).rejects.toMatchObject({
      code: 'login_required',
      reason: 'grant_ended',
    })
  })

  it('says why it will not do where nobody shall be asked', async () => {
    const { sign } = await atSpotify()
    await sign({ scope: ['user-top-read'] })
    const quiet = { interactive: false }
    await expect(sign({ ...quiet, scope: ['user-top-read', 'streaming'] })).rejects.toMatchObject({
      code: 'insufficient_scope',
      scope: ['streaming'],
      message: expect.stringContaining('never asked for streaming'),
    })
    await expect(sign({ ...quiet, validate: () => false })).rejects.toMatchObject({
      code: 'login_required',
      reason: 'refused',
    })
    await expect(sign({ ...quiet, profile: 'other' })).rejects.toMatchObject({ reason: 'signed_out' })
  })

  it('is bound to server, client and audience, which is said', async () => {
    const { sign, emulator, shared, lines, me } = await atSpotify()
    await sign()
    const elsewhere = spotify({
      ...emulator.presetOverrides,
      tokenEndpoint: 'https://elsewhere.example/token',
    })
    expect(await openAccount({ provider: elsewhere, ...shared })).toBeUndefined()
    expect(lines.join('\n')).toContain('are for another server or client')
    const audience = {
      provider: spotify(emulator.presetOverrides),
      audience: 'https://api.example',
      ...shared,
    }
    expect(await openAccount(audience)).toBeUndefined()
    expect(lines.join('\n')).toContain('are for another audience')
    const ours = await openAccount({ ...audience, audience: undefined as never })
    expect((await ours?.fetch(me))?.status).toBe(200)
  })

  it('is its user’s: with the tokens of somebody else who signs in it does nothing', async () => {
    const { sign, me, store, visiting } = await atSpotify()
    const ada = await sign()
    const grace = await sign({ force: true, ...visiting({ as: 'Grace' }) })
    expect((await grace.fetch(me)).status).toBe(200)
    for (const use of [() => ada.fetch(me), () => ada.accessToken(), () => ada.status(), () => ada.logout()])
      await expect(use()).rejects.toMatchObject({ code: 'account_mismatch' })
    expect([await ada.isAuthorized(), await ada.isValid()]).toEqual([false, false])
    await sign({ force: true })
    expect((await ada.fetch(me)).status).toBe(200)
    await expect(grace.fetch(me)).rejects.toMatchObject({ code: 'account_mismatch' })
    expect(await store.accounts()).toHaveLength(1)
  })

  it('is one for each profile and client', async () => {
    const { sign, store, visiting } = await atSpotify()
    await sign()
    await sign({ profile: 'work', ...visiting({ as: 'Grace' }) })
    expect((await store.accounts()).map(({ about }) => [about.profile, about.user?.name])).toEqual([
      ['default', 'Ada'],
      ['work', 'Grace'],
    ])
    await sign({ profile: 'WORK' })
    const ids = (await store.accounts()).map(({ ref }) => ref.id.toLowerCase())
    expect(new Set(ids).size).toBe(3)
    for (const profile of ['', '../x', 'a/b', 'x'.repeat(65)])
      await expect(sign({ profile })).rejects.toMatchObject({ code: 'invalid_options', reason: 'profile' })
  })

  it('is sealed where there is a secret, also what was stored before, once it changes', async () => {
    const { sign, emulator, clock, files, me, shared } = await atSpotify()
    const secret = 'a secret of the tests that is long enough'
    await sign()
    const readable = (): boolean =>
      Buffer.from(/"sealed": "([^"]*)"/.exec(files())?.[1] ?? '', 'base64')
        .toString()
        .startsWith('{')
    expect(readable()).toBe(true)
    const keyed = await sign({ secret })
    await clock.advance(3_601)
    expect((await keyed.fetch(me)).status).toBe(200)
    expect(readable()).toBe(false)
    expect(emulator.marks.findIn([files()])).toEqual([])
    const lost = await sign({ secret: [`another ${secret}`, secret] })
    expect((await lost.fetch(me)).status).toBe(200)
    const without = await openAccount({ provider: spotify(emulator.presetOverrides), ...shared })
    await expect(without?.accessToken()).rejects.toMatchObject({ code: 'store_unavailable' })
  })

  it('does not stand in the way of a sign-in by force, where no secret opens it', async () => {
    const { sign, me } = await atSpotify()
    await sign({ secret: 'a secret of the tests that is long enough' })
    const other = { secret: 'another secret of the tests, long enough' }
    await expect(sign(other)).rejects.toMatchObject({ code: 'store_unavailable', reason: 'unknown_key' })
    expect((await (await sign({ ...other, force: true })).fetch(me)).status).toBe(200)
    expect((await (await sign({ ...other, interactive: false })).fetch(me)).status).toBe(200)
  })

  it('is forgotten everywhere at logout, and revoked where it can be', async () => {
    const clock = new TestClock()
    const emulator = await startBitfount({ clock })
    onTestFinished(() => emulator.close())
    const at = person(emulator, clock)
    const options = { provider: bitfount(emulator.presetOverrides), ...at.shared }
    const onPrompt = (prompt: Prompt): void => {
      if (prompt.via === 'device') emulator.as.approveDevice(prompt.userCode, 'user-ada')
    }
    const signing = signIn({ ...options, via: 'device', onPrompt })
    await expect
      .poll(async () => {
        await clock.advance(1)
        return emulator.as.mints.device_code
      })
      .toBe(1)
    const account = await signing
    const other = await openAccount(options)
    expect((await other?.fetch(`${emulator.apiOrigin}/pods`))?.status).toBe(200)
    expect(await account.logout()).toEqual({ isRevoked: true })
    expect(emulator.as.grants()[0]?.revoked).toBe(true)
    expect(await other?.isAuthorized()).toBe(false)
    await expect(other?.fetch(`${emulator.apiOrigin}/pods`)).rejects.toMatchObject({ code: 'login_required' })
    expect(await at.store.accounts()).toEqual([])
  })
})

describe('tokens from somewhere else', () => {
  it('are stored as if the server had given them', async () => {
    const { sign, emulator, clock, me } = await atSpotify()
    let refreshes = 0
    const refresh = async () => {
      refreshes += 1
      return emulator.tokens('ada')
    }
    const account = await sign({ refresh })
    await clock.advance(3_601)
    const replies = await Promise.all(Array.from({ length: 10 }, () => account.fetch(me)))
    expect(replies.map(({ status }) => status)).toEqual(Array(10).fill(200))
    expect((await (await sign()).fetch(me)).status).toBe(200)
    expect([refreshes, emulator.as.mints.refresh_token]).toEqual([1, 0])
  })

  it('fail with what the program throws said in the log, by its name', async () => {
    const { sign, clock, me, lines } = await atSpotify()
    const refresh = () => Promise.reject(new RangeError('a secret of theirs'))
    const account = await sign({ refresh })
    await clock.advance(3_601)
    await expect(account.fetch(me)).rejects.toMatchObject({ code: 'as_unavailable' })
    const said = lines.join('\n')
    expect(said).toContain('{"event":"refresh_option.failed","cause":"RangeError"}')
    expect(said).not.toContain('a secret of theirs')
  })

  it('end the account when they say so', async () => {
    const { sign, clock, me } = await atSpotify()
    const refresh = () => Promise.reject(new LatchkeyError('login_required', 'gone'))
    const account = await sign({ refresh })
    await clock.advance(3_601)
    await expect(account.fetch(me)).rejects.toMatchObject({ code: 'login_required' })
  })

  it('are API keys too: nobody is asked and nothing is stored', async () => {
    const clock = new TestClock()
    const emulator = await startBitfount({ clock })
    onTestFinished(() => emulator.close())
    const at = person(emulator, clock)
    const { apiKey, apiOrigin, presetOverrides } = emulator
    const provider = bitfount({ ...presetOverrides, ...(apiKey && { apiKey }) })
    const account = await signIn({ provider, via: 'device', ...at.shared })
    expect((await account.fetch(`${apiOrigin}/api`)).status).toBe(200)
    expect([await account.isAuthorized(), await account.isValid()]).toEqual([true, true])
    expect(emulator.as.calls.deviceAuthorization).toBe(0)
    await expect(account.logout()).rejects.toMatchObject({ code: 'not_supported', reason: 'api_key' })
    expect(inspect(account, { showHidden: true, depth: 9 })).not.toContain(apiKey?.key)
  })
})

describe('signing in by console', () => {
  it.each([
    ['the whole address', (address: string) => address],
    ['the code alone', (address: string) => new URL(address).searchParams.get('code') ?? ''],
  ])('takes %s', async (_what, pasted) => {
    const { sign, input, browser, me, lines } = await atSpotify()
    const signing = sign({ via: 'console', onPrompt: undefined as never })
    await expect.poll(() => lines.join('')).toContain('Paste the address')
    const [, url = ''] = /^ {2}(http\S+)$/m.exec(lines.join('')) ?? []
    const address = await lastAddress(browser, url)
    input.write(`\n${pasted(address)}\n`)
    expect((await (await signing).fetch(me)).status).toBe(200)
  })

  it('refuses the address of another sign-in', async () => {
    const { sign, input, lines } = await atSpotify()
    const signing = sign({ via: 'console', onPrompt: undefined as never })
    await expect.poll(() => lines.join('')).toContain('Paste the address')
    input.write('http://127.0.0.1/callback?code=attackers&state=another\n')
    await expect(signing).rejects.toMatchObject({ code: 'state_mismatch' })
  })

  it('ends when the input ends', async () => {
    const { sign, input, lines } = await atSpotify()
    const signing = sign({ via: 'console', onPrompt: undefined as never })
    await expect.poll(() => lines.join('')).toContain('Paste the address')
    input.end()
    await expect(signing).rejects.toMatchObject({
      code: 'login_required',
      message: expect.stringContaining('The input has ended'),
    })
  })
})

/** Where the browser ends, though nobody listens there. */
async function lastAddress(browser: UserAgent, url: string): Promise<string> {
  const page = await browser.get(url)
  const back = await browser.submit(page, { button: 'Ada', redirect: 'manual' })
  return String(back.headers.location)
}

describe('signing in on a device', () => {
  it('says the code and the address, and warns of codes that others sent', async () => {
    const clock = new TestClock()
    const emulator = await startBitfount({ clock, policy: { verificationUriComplete: false } })
    onTestFinished(() => emulator.close())
    const at = person(emulator, clock)
    const signing = signIn({ provider: bitfount(emulator.presetOverrides), via: 'device', ...at.shared })
    await expect.poll(() => at.lines.join('')).toContain('with the code')
    const said = at.lines.join('')
    expect(said).toContain(emulator.as.endpoints.verification)
    expect(said).toContain('whoever enters a code that somebody else sent')
    const [, code = ''] = /with the code (\S+)/.exec(said) ?? []
    emulator.as.denyDevice(code)
    const failing = signing.catch((error: unknown) => error)
    await clock.advance(6)
    expect(await failing).toMatchObject({ code: 'access_denied' })
  })
})

describe('EXBO', () => {
  it('signs in at a fixed port, since it compares whole redirect URIs', async () => {
    const clock = new TestClock()
    const emulator = await startExbo({ clock })
    onTestFinished(() => emulator.close())
    const at = person(emulator as unknown as Emulator, clock)
    const port = await freePort()
    emulator.as.registerRedirectUri(`http://127.0.0.1:${port}/callback`)
    const account = await signIn({
      provider: exbo(emulator.presetOverrides),
      via: 'loopback',
      loopback: { port },
      ...at.shared,
      onPrompt: ({ url }) => void at.browser.signIn(url, { as: 'Ada' }),
    })
    expect((await account.fetch(`${emulator.apiOrigin}/eu/characters`)).status).toBe(200)
  })
})
