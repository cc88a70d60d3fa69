import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBitfount, startSpotify, UserAgent } from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'

const program = join(import.meta.dirname, 'main.ts')

interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** The program in a folder of its own. */
function terminal(env: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-command-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const start = (...args: string[]) => {
    const child = execFile(process.execPath, ['--conditions=@latchkey/source', program, ...args], {
      env: { PATH: process.env.PATH ?? '', LATCHKEY_FOLDER: join(folder, 'latchkey'), ...env },
    })
    let [stdout, stderr] = ['', '']
    child.stdout?.on('data', (chunk: string) => {
      stdout += chunk
    })
    child.stderr?.on('data', (chunk: string) => {
      stderr += chunk
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const done = new Promise<Run>((resolve) => {
      child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }))
    })
    return { done, said: () => stderr, child }
  }
  return { folder, start, run: (...args: string[]): Promise<Run> => start(...args).done }
}

/** Somebody signed in at an emulated Spotify. */
async function atSpotify() {
  const emulator = await startSpotify()
  onTestFinished(() => emulator.close())
  const { clientSecret, ...overrides } = emulator.presetOverrides
  const { folder } = terminal()
  const file = join(folder, 'providers.json')
  writeFileSync(file, JSON.stringify({ spotify: overrides }))
  const shell = terminal({ LATCHKEY_PROVIDERS: file, SPOTIFY_CLIENT_SECRET: clientSecret })
  const login = async (...args: string[]): Promise<Run> => {
    const started = shell.start('login', 'spotify', '--no-browser', ...args)
    await expect.poll(started.said).toMatch(/http:\/\/127\.0\.0\.1:\d+\/authorize\S+/)
    const [url = ''] = /http:\/\/127\.0\.0\.1:\d+\/authorize\S+/.exec(started.said()) ?? []
    await new UserAgent().signIn(url, { as: 'Ada' })
    return started.done
  }
  const secrets = (runs: readonly Run[]) =>
    emulator.marks.findIn(runs.flatMap(({ stdout, stderr }) => [stdout, stderr]))
  return { emulator, login, secrets, me: `${emulator.apiOrigin}/v1/me`, ...shell }
}

describe('latchkey', () => {
  it('signs in, calls, says how it is, lists, and signs out', async () => {
    const { login, run, me, secrets } = await atSpotify()
    const signedIn = await login('--scope', 'user-top-read')
    expect([signedIn.code, signedIn.stdout]).toEqual([
      0,
      expect.stringMatching(
        /^Signed in at spotify as Ada, profile default\. The token is good for 60 minutes\. Sign in again by \d{4}-\d\d-\d\d\.\n$/,
      ),
    ])
    const called = await run('fetch', 'spotify', me)
    expect([called.code, called.stderr, JSON.parse(called.stdout)]).toMatchObject([
      0,
      '',
      { display_name: 'Ada' },
    ])
    const state = await run('token', 'spotify', '--json')
    expect(JSON.parse(state.stdout)).toMatchObject({
      provider: 'spotify',
      profile: 'default',
      user: { name: 'Ada' },
      state: 'live',
      scope: ['user-top-read'],
    })
    const list = await run('accounts')
    expect(list.stdout).toMatch(/^spotify +default +Ada +user-top-read\n$/)
    expect(JSON.parse((await run('accounts', '--json')).stdout)).toMatchObject([
      { provider: 'spotify', user: { name: 'Ada' } },
    ])
    const out = await run('logout', 'spotify')
    expect([out.code, out.stdout]).toEqual([
      0,
      expect.stringContaining('Signed out. spotify could not be told'),
    ])
    const after = await run('fetch', 'spotify', me)
    expect([after.code, after.stdout, after.stderr]).toEqual([
      3,
      '',
      'Nobody is signed in at Spotify. Run: latchkey login spotify\n',
    ])
    expect(secrets([signedIn, called, state, list, out, after])).toEqual([])
  })

  it('case 96: writes a token to stdout only when it is told to, and then nothing else', async () => {
    const { emulator, login, run, secrets } = await atSpotify()
    await login()
    expect(secrets([await run('token', 'spotify'), await run('token', 'spotify', '--json')])).toEqual([])
    const { stdout, stderr } = await run('token', 'spotify', '--print')
    expect(emulator.as.introspect(stdout.trim())?.userId).toBe('user-ada')
    expect([stdout.split('\n').length, stderr]).toEqual([2, ''])
  })

  it('sends no token elsewhere, and tells by its exit code what the API said', async () => {
    const { emulator, login, run, me } = await atSpotify()
    await login()
    expect(await run('fetch', 'spotify', 'http://127.0.0.1:9/')).toMatchObject({ code: 1, stdout: '' })
    emulator.api.faults.always('me', { status: 503, body: { sorry: true } })
    expect(await run('fetch', 'spotify', me)).toMatchObject({
      code: 1,
      stdout: '{"sorry":true}',
      stderr: expect.stringContaining('503'),
    })
    emulator.as.killRefreshToken('user-ada')
    emulator.as.expireAccessTokens()
    emulator.as.faults.always('token', { status: 503 })
    emulator.api.faults.clear()
    expect((await run('token', 'spotify', '--min-ttl', '7200')).code).toBeOneOf([0, 4])
  })

  it('signs in by a code on a device', async () => {
    const emulator = await startBitfount({ policy: { deviceIntervalSeconds: 1 } })
    onTestFinished(() => emulator.close())
    const { folder } = terminal()
    const file = join(folder, 'providers.json')
    writeFileSync(file, JSON.stringify({ bitfount: emulator.presetOverrides }))
    const { start, run } = terminal()
    const login = start('login', 'bitfount', '--via', 'device', '--providers', file)
    await expect.poll(login.said).toMatch(/with the code \S+/)
    const [, code = ''] = /with the code (\S+)/.exec(login.said()) ?? []
    emulator.as.approveDevice(code, 'user-grace')
    expect(await login.done).toMatchObject({ code: 0, stdout: expect.stringMatching(/as grace/i) })
    const out = await run('logout', 'bitfount', '--providers', file, '--json')
    expect(JSON.parse(out.stdout)).toEqual({ provider: 'bitfount', profile: 'default', isRevoked: true })
  })

  it.each([
    [['login'], /Which provider\?/],
    [['login', 'spotfy'], /There is no provider "spotfy"/],
    [['login', 'spotify', '--via', 'pigeon'], /--via must be loopback, device or console/],
    [['login', 'spotify', '--port', 'x'], /--port must be a port/],
    [['login', 'spotify', '--set', 'clientSecret=s'], /arguments can be read by everybody/],
    [['login', 'spotify', '--providers', 'https://evil.example/x.json'], /an address of this machine/],
    [['fetch', 'spotify'], /latchkey fetch <provider> <url>/],
    [['tokn', 'spotify'], /There is no command "tokn"/],
    [['login', 'spotify', '--forse'], /forse/],
    [['login', 'spotify'], /clientId is missing/],
  ])('says how %j should have been written', async (args, message) => {
    const { code, stdout, stderr } = await terminal().run(...args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(message)
  })

  it('teaches', async () => {
    const { run } = terminal()
    for (const args of [[], ['--help'], ['login', '--help'], ['fetch', '-h'], ['doctor', '--help']]) {
      const { code, stdout, stderr } = await run(...args)
      expect([code, stderr]).toEqual([0, ''])
      expect(stdout).toContain('latchkey')
    }
  })

  it('makes secrets that latchkey() takes', async () => {
    const { run } = terminal()
    const [one, other] = [await run('keygen'), await run('keygen')]
    expect(one.stdout).toMatch(/^[\w-]{43}\n$/)
    expect(one.stdout).not.toBe(other.stdout)
  })
})

describe('latchkey doctor', () => {
  it('says what to do about everything', async () => {
    const emulator = await startSpotify()
    onTestFinished(() => emulator.close())
    const { folder } = terminal()
    const file = join(folder, 'providers.json')
    writeFileSync(file, JSON.stringify({ spotify: emulator.presetOverrides }))
    const bad = await terminal({ LATCHKEY_SECRET: 'change-me' }).run(
      ...[
        'doctor',
        'spotify',
        '--providers',
        file,
        '--base-url',
        'http://localhost:3000',
        '--redis',
        'redis://:hidden@127.0.0.1:1/',
      ],
    )
    expect(bad.code).toBe(1)
    expect(bad.stdout).toMatch(/✗ LATCHKEY_SECRET: .*(shorter|example)/)
    expect(bad.stdout).toMatch(/✗ base URL: write http:\/\/127\.0\.0\.1 instead of localhost/)
    expect(bad.stdout).toMatch(
      /Spotify: register this redirect URI \(https, or http with 127\.0\.0\.1 or \[::1\], never localhost\) letter for letter: http:\/\/localhost:3000\/callback\/spotify$/m,
    )
    expect(bad.stdout).toMatch(/Redis: (cannot be used|not checked)/)
    expect(bad.stdout + bad.stderr).not.toContain('hidden')
    const secret = (await terminal().run('keygen')).stdout.trim()
    const good = await terminal({ LATCHKEY_SECRET: secret }).run(
      ...['doctor', 'spotify', '--providers', file, '--base-url', 'https://app.example', '--json'],
    )
    expect(good.code).toBe(0)
    expect(JSON.parse(good.stdout)).toContainEqual({
      about: 'Spotify',
      level: 'ok',
      text: 'client id and secret are there',
    })
    expect(good.stdout).not.toContain(secret)
  })

  it('tells an unreachable provider, a clock that is wrong, and a server without PKCE', async () => {
    const { createServer } = await import('node:http')
    const server = createServer((_req, res) => {
      res.setHeader('date', new Date(Date.now() - 120_000).toUTCString())
      res.setHeader('content-type', 'application/json')
      const issuer = `http://127.0.0.1:${(server.address() as { readonly port: number }).port}`
      const endpoints = {
        authorization_endpoint: `${issuer}/a`,
        token_endpoint: `${issuer}/t`,
        jwks_uri: `${issuer}/j`,
      }
      res.end(
        JSON.stringify({
          issuer,
          ...endpoints,
          response_types_supported: ['code'],
          code_challenge_methods_supported: ['plain'],
        }),
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const issuer = `http://127.0.0.1:${(server.address() as { readonly port: number }).port}`
    const set = (issuerUrl: string) => [
      '--set',
      'id=corp',
      '--set',
      `issuer=${issuerUrl}`,
      '--set',
      'resourceOrigins=["https://api.example"]',
      '--client-id',
      'c',
    ]
    const { run } = terminal()
    const { stdout } = await run('doctor', 'oidc', ...set(issuer))
    expect(stdout).toMatch(/✗ .*the clock of this machine is 1\d\d s ahead of it/)
    expect(stdout).toMatch(/✗ .*does not support PKCE with S256/)
    const gone = await run('doctor', 'oidc', ...set('http://127.0.0.1:9'))
    expect(gone.stdout).toMatch(/✗ .*cannot be reached \(\w+\)/)
  })
})
