import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBitfount, startSpotify, UserAgent } from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.ts'

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
  const started = (file: string, args: readonly string[]) => {
    const child = execFile(file, args, {
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
    return { done, said: () => stderr, shown: () => stdout, child }
  }
  const start = (...args: string[]) =>
    started(process.execPath, ['--conditions=@latchkey/source', program, ...args])
  const command = `"${process.execPath}" --conditions=@latchkey/source "${program}"`
  /** With redirections, and whatever else a shell does. */
  const shell = (line: string): Promise<Run> => started('bash', ['--norc', '-c', `${command} ${line}`]).done
  /** In a terminal, which shows stderr too. */
  const pty = (line: string) => started('script', ['-qec', `${command} ${line}`, '/dev/null'])
  return { folder, start, shell, pty, run: (...args: string[]): Promise<Run> => start(...args).done }
}

/** The address of a server that answers like this. */
async function listening(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** Somebody signed in at an emulated Spotify. */
async function atSpotify(options: Parameters<typeof startSpotify>[0] = {}) {
  const emulator = await startSpotify(options)
  onTestFinished(() => emulator.close())
  const { clientSecret, ...overrides } = emulator.presetOverrides
  const { folder } = terminal()
  const file = join(folder, 'providers.json')
  writeFileSync(file, JSON.stringify({ spotify: overrides }))
  const at = terminal({ LATCHKEY_PROVIDERS: file, SPOTIFY_CLIENT_SECRET: clientSecret })
  const login = async (...args: string[]): Promise<Run> => {
    const started = at.start('login', 'spotify', '--no-browser', ...args)
    await expect.poll(started.said).toMatch(/http:\/\/127\.0\.0\.1:\d+\/authorize\S+/)
    const [url = ''] = /http:\/\/127\.0\.0\.1:\d+\/authorize\S+/.exec(started.said()) ?? []
    await new UserAgent().signIn(url, { as: 'Ada' })
    return started.done
  }
  const secrets = (runs: readonly Run[]) =>
    emulator.marks.findIn(runs.flatMap(({ stdout, stderr }) => [stdout, stderr]))
  /** Lets the stored token be so many seconds older. Without a secret it lies there in clear. */
  const age = (seconds: number): void => {
    const below = join(at.folder, 'latchkey', 'spotify')
    const name = readdirSync(below).find((one) => one.endsWith('.json'))
    const path = join(below, String(name))
    const file = JSON.parse(readFileSync(path, 'utf8'))
    const text = Buffer.from(file.grant.sealed, 'base64').toString()
    const older = text.replace(
      /"(receivedAt|expiresAt)":(\d+)/g,
      (_, field, at) => `"${field}":${at - seconds}`,
    )
    expect(older).not.toBe(text)
    writeFileSync(path, JSON.stringify({ ...file, grant: { ...file.grant, sealed: btoa(older) } }))
  }
  return { emulator, login, secrets, age, me: `${emulator.apiOrigin}/v1/me`, ...at }
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
    let elsewhere = 0
    const foreign = await listening((_req, res) => {
      elsewhere += 1
      res.end()
    })
    expect(await run('fetch', 'spotify', foreign)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/resourceOrigins.*Here that is --set 'resourceOrigins=/),
    })
    expect(elsewhere).toBe(0)
    emulator.api.faults.always('me', { status: 503, body: { sorry: true } })
    expect(await run('fetch', 'spotify', me)).toMatchObject({
      code: 1,
      stdout: '{"sorry":true}',
      stderr: expect.stringContaining('503'),
    })
    emulator.api.faults.always('me', { status: 304 })
    expect((await run('fetch', 'spotify', me)).code).toBe(0)
    const withPassword = me.replace('://', '://ada:pw@')
    expect(await run('fetch', 'spotify', withPassword)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^The address must hold no user name and no password/),
    })
    await emulator.close()
    expect(await run('fetch', 'spotify', me)).toMatchObject({
      code: 4,
      stdout: '',
      stderr: expect.stringContaining(`${new URL(me).origin} cannot be reached (ECONNREFUSED).`),
    })
  })

  it.each([
    [['--method', 'GET', '--data', 'x'], /GET.*cannot have body/],
    [['--method', 'B@D'], /B@D/],
    [['--method', 'TRACE'], /TRACE/],
    [['--header', 'authorization: Bearer x'], /"authorization" is set by Latchkey/],
    [['--header', 'Host: x'], /"host" is set by Latchkey/],
    [['--header', 'Transfer-Encoding: chunked'], /cannot be sent so: invalid transfer-encoding header/],
    [['--header', 'Expect: 100-continue', '--data', 'x'], /cannot be sent so: expect header not supported/],
  ])('is used wrongly with fetch %j', async (args, message) => {
    const { login, run, me } = await atSpotify()
    await login()
    const { code, stdout, stderr } = await run('fetch', 'spotify', me, ...args)
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(message)])
    expect(stderr).toMatch(/\nlatchkey fetch --help says more\.\n$/)
  })

  it.each([
    [
      'breaks off',
      (res: ServerResponse) => {
        res.writeHead(200, { 'content-length': '100' }).write('half')
        setImmediate(() => res.destroy())
      },
      /^The answer of http:\S+ broke off \(.+\)\.\n$/,
    ],
    [
      'is no gzip, as it says',
      (res: ServerResponse) => void res.writeHead(200, { 'content-encoding': 'gzip' }).end('plain'),
      /^The answer of http:\S+ broke off \(.+\)\.\n$/,
    ],
  ])('tells by its exit code that an answer %s', async (_what, answer, message) => {
    const api = await listening((_req, res) => answer(res))
    const { login, run } = await atSpotify()
    await login()
    const set = ['--set', `resourceOrigins=["${new URL(api).origin}"]`]
    for (const more of [[], ['--json']]) {
      const { code, stderr } = await run('fetch', 'spotify', api, ...set, ...more)
      expect([code, stderr]).toEqual([4, expect.stringMatching(message)])
    }
  })

  it('gives programs the whole answer: every cookie, and bytes that are no text', async () => {
    const bytes = Buffer.from([0xff, 0xd8, 0x00, 0x9b])
    const api = await listening((req, res) => {
      res.setHeader('set-cookie', ['a=1', 'b=2'])
      res.end(req.url === '/bytes' ? bytes : '\ufeffsaid \u009b31m \u202e')
    })
    const { login, run } = await atSpotify()
    await login()
    const set = ['--set', `resourceOrigins=["${new URL(api).origin}"]`, '--json']
    const text = await run('fetch', 'spotify', api, ...set)
    expect(JSON.parse(text.stdout)).toMatchObject({
      status: 200,
      headers: { 'set-cookie': ['a=1', 'b=2'] },
      body: '\ufeffsaid \u009b31m \u202e',
    })
    expect(text.stdout).toContain('said \\u009b31m \\u202e')
    const { stdout } = await run('fetch', 'spotify', `${api}bytes`, ...set)
    expect(JSON.parse(stdout)).toMatchObject({ status: 200, bodyBase64: bytes.toString('base64') })
  })

  it.skipIf(process.platform === 'win32')('says how it went when nobody reads what it writes', async () => {
    const { emulator, login, shell, me } = await atSpotify()
    await login()
    expect(await shell('token exbo 2>/dev/full')).toMatchObject({ code: 2 })
    expect(await shell('bogus 2>/dev/full')).toMatchObject({ code: 2 })
    expect(await shell('token spotify --profile other 2>/dev/full')).toMatchObject({ code: 3 })
    expect(await shell('token spotify >/dev/full')).toMatchObject({
      code: 1,
      stderr: 'stdout cannot be written (ENOSPC).\n',
    })
    const piped = `fetch spotify ${me} | head -c 0; exit "\${PIPESTATUS[0]}"`
    expect(await shell(piped)).toMatchObject({ code: 0, stderr: '' })
    emulator.api.faults.always('me', { status: 404, body: 'x'.repeat(200_000) })
    expect(await shell(piped)).toMatchObject({ code: 1 })
  })

  it('refreshes a token of which less is left than is wanted, and says when it cannot', async () => {
    const { emulator, login, run, age } = await atSpotify()
    await login()
    age(60)
    expect((await run('token', 'spotify', '--min-ttl', '3000')).code).toBe(0)
    expect(emulator.as.mints.refresh_token).toBe(0)
    expect((await run('token', 'spotify', '--min-ttl', '3599')).code).toBe(0)
    expect(emulator.as.mints.refresh_token).toBe(1)
    age(3_700)
    emulator.as.faults.always('token', { status: 503 })
    expect(await run('token', 'spotify')).toMatchObject({ code: 4, stdout: '' })
  })

  it('sends data as it is, from a file and from stdin', async () => {
    const received: Buffer[] = []
    const api = await listening((req, res) => {
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => void chunks.push(chunk))
      req.on('end', () => {
        received.push(Buffer.concat(chunks))
        res.end(bytes)
      })
    })
    const bytes = Buffer.from([0xff, 0xd8, 0x00, 0x0a])
    const { login, folder, start } = await atSpotify()
    await login()
    const file = join(folder, 'cover.jpg')
    writeFileSync(file, bytes)
    const set = ['--set', `resourceOrigins=["${new URL(api).origin}"]`]
    const fromFile = await start('fetch', 'spotify', api, '--data', `@${file}`, ...set).done
    const piped = start('fetch', 'spotify', api, '--data', '@-', ...set)
    piped.child.stdin?.end(bytes)
    const fromStdin = await piped.done
    expect([fromFile.code, fromStdin.code]).toEqual([0, 0])
    expect(received).toEqual([bytes, bytes])
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
    [
      ['login', 'spotify', '--forse'],
      /no option --forse\. Did you mean --force\?\nlatchkey login --help says more\.\n$/,
    ],
    [
      ['login', 'spotify', '--client-secret', 's'],
      /--client-secret is no option.*SPOTIFY|<PROVIDER>_CLIENT_SECRET/,
    ],
    [['login', 'spotify', 'user-top-read'], /takes no "user-top-read"\. Scope is asked for with --scope\./],
    [['accounts', 'spotify'], /takes no "spotify"/],
    [['keygen', 'extra'], /takes no "extra"/],
    [['constructor'], /There is no command "constructor"/],
    [['help', 'lgin'], /Did you mean "login"\?/],
    [['login', 'spotify'], /clientId is missing.*Here that is --client-id <id>\.\n$/],
    [['login', 'auth0', '--client-id', 'c'], /domain must be a host name.*Here that is --set domain=<value>/],
    [
      ['login', 'spotify', '--client-id', 'c', '--port', '99999'],
      /port .*must be a port from 0 to 65535.*Here that is --port <n>/,
    ],
    [
      ['login', 'spotify', '--client-id', 'c', '--via', 'console', '--redirect-uri', 'x'],
      /redirectUri must be an absolute URL.*Here that is --redirect-uri <uri>/,
    ],
    [
      ['login', 'spotify', '--redirect-uri', 'http://127.0.0.1/x'],
      /--redirect-uri belongs to --via console; this sign-in is --via loopback/,
    ],
    [['login', 'spotify', '--via', 'device', '--port', '1'], /--port belongs to --via loopback/],
    [
      ['login', 'spotify', '--profile'],
      /^--profile wants a value\. One that begins with "-" is written --profile=<value>/,
    ],
    [['login', 'spotify', '--profile', '--json'], /^--profile wants a value/],
    [['login', 'spotify', '--json=yes'], /^--json takes no value/],
    [['login', 'spotify', '-x'], /^latchkey login has no option -x/],
    [
      ['fetch', 'spotify', 'https://a', '--client-id', 'c', '--header', 'no colon'],
      /^--header wants <name>: <value>/,
    ],
    [['fetch', 'spotify', 'https://a', '--header', 'a b: c'], /^--header wants/],
    [['fetch', 'spotify', '/v1/me', '--client-id', 'c'], /must be absolute, such as https/],
    [['fetch', 'spotify', 'https://a', '--client-id', 'c', '--data', '@/nowhere/x'], /Nobody is signed in/],
    [
      ['login', 'spotify', '--providers', '/nowhere/x.json'],
      /--providers \(or LATCHKEY_PROVIDERS\): \/nowhere\/x\.json cannot be read \(ENOENT\)/,
    ],
  ] as const)('says how %j should have been written', async (args, message) => {
    const { code, stdout, stderr } = await terminal().run(...args)
    expect([code, stdout]).toEqual([message.source.includes('Nobody') ? 3 : 2, ''])
    expect(stderr).toMatch(message)
    expect(stderr.split('\n').length).toBeLessThanOrEqual(3)
  })

  it.each(['null', '[]', 'no JSON', '{"spotify":7}'])('takes no providers from %j', async (text) => {
    const { folder, run } = terminal()
    const file = join(folder, 'providers.json')
    writeFileSync(file, text)
    const { code, stderr } = await run('login', 'spotify', '--providers', file)
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/--providers \(or LATCHKEY_PROVIDERS\): \S+.* (is not JSON|must be an object)/),
    ])
  })

  it('says whom it asked for providers in vain', async () => {
    const port = await freePort()
    const { code, stderr } = await terminal().run(
      'login',
      'spotify',
      '--providers',
      `http://127.0.0.1:${port}/p.json`,
    )
    expect([code, stderr]).toEqual([
      4,
      `--providers (or LATCHKEY_PROVIDERS): http://127.0.0.1:${port}/p.json does not answer (ECONNREFUSED). ` +
        `Is "npx @latchkey/testing --port ${port}" running?\n`,
    ])
  })

  it('says what to do in its own words where the library speaks of programs', async () => {
    const { run, folder } = terminal({ SPOTIFY_CLIENT_ID: 'c' })
    expect(await run('token', 'spotify', '--profile', 'work')).toMatchObject({
      code: 3,
      stderr: 'Nobody is signed in at Spotify. Run: latchkey login spotify --profile work\n',
    })
    expect(await run('login', 'spotify', '--via', 'device')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Or use --via loopback or --via console.'),
    })
    const taken = join(folder, 'link')
    symlinkSync('/nowhere', taken)
    expect(await run('login', 'spotify', '--folder', taken)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /must be a folder.* Say another folder: --folder <path>, or LATCHKEY_FOLDER\.\n$/,
      ),
    })
    const pasted = terminal({ SPOTIFY_CLIENT_ID: 'c' }).start('login', 'spotify', '--via', 'console')
    pasted.child.stdin?.end('http://127.0.0.1/callback?code=c&state=another\n')
    expect(await pasted.done).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('run latchkey login again'),
    })
  })

  it('signs nobody in where there is nothing to sign in to', async () => {
    const { run } = terminal({ NADEO_CLIENT_ID: 'c', NADEO_CLIENT_SECRET: 's' })
    const set = ['--set', 'account=service', '--set', 'userAgent=app / me@example.com']
    const nobody = {
      code: 1,
      stderr: expect.stringMatching(/^Nadeo \(service account\) signs no users in: .*\n$/),
    }
    for (const command of ['login', 'token', 'logout'])
      expect(await run(command, 'nadeo', ...set)).toMatchObject(nobody)
  })

  it.skipIf(process.platform === 'win32')('gives up on an input that says nothing', async () => {
    const { shell } = terminal({ SPOTIFY_CLIENT_ID: 'c' })
    const { code, stderr } = await shell('login spotify --via console < <(yes "")')
    expect([code, stderr]).toEqual([3, expect.stringContaining('before anything was pasted')])
    expect(stderr.length).toBeLessThan(5_000)
  })

  it.skipIf(process.platform !== 'linux')('ends of Ctrl-C while it waits for what is pasted', async () => {
    const { pty } = terminal({ SPOTIFY_CLIENT_ID: 'c' })
    const login = pty('login spotify --via console')
    await expect.poll(login.shown).toContain('Paste the address')
    login.child.stdin?.write('\u0003')
    const { code, stdout } = await login.done
    expect([code, stdout]).toEqual([130, expect.not.stringContaining('input has ended')])
  })

  it('says its version', async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
    expect((await terminal().run('--version')).stdout).toBe(`${version}\n`)
  })

  it('teaches', async () => {
    const { run } = terminal()
    expect((await run('help', 'login')).stdout).toBe((await run('login', '--help')).stdout)
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
    expect(bad.stdout).toMatch(/✗ base URL: .*localhost.* Use http:\/\/127\.0\.0\.1:3000/)
    expect(bad.stdout).not.toContain('redirect URI')
    expect(bad.stdout).toContain('✗ Redis: cannot be used (ECONNREFUSED).')
    expect(bad.stdout + bad.stderr).not.toContain('hidden')
    const secret = (await terminal().run('keygen')).stdout.trim()
    const good = await terminal({ LATCHKEY_SECRET: secret }).run(
      ...[
        'doctor',
        'spotify',
        '--providers',
        file,
        '--base-url',
        'https://app.example, https://b.example/x/',
        '--json',
      ],
    )
    expect(good.code).toBe(0)
    expect(JSON.parse(good.stdout)).toContainEqual({
      about: 'Spotify',
      level: 'ok',
      text: 'client id and secret are there',
    })
    const rule =
      'register this redirect URI (https, or http with 127.0.0.1 or [::1], never localhost) letter for letter:'
    for (const uri of ['https://app.example/callback/spotify', 'https://b.example/x/callback/spotify'])
      expect(JSON.parse(good.stdout)).toContainEqual({
        about: 'Spotify',
        level: 'ok',
        text: `${rule} ${uri}`,
      })
    expect(good.stdout).not.toContain(secret)
    const foo = await terminal().run('doctor', 'spotify', '--providers', file, '--base-url', 'foo')
    expect([foo.code, foo.stdout]).toEqual([1, expect.not.stringContaining('redirect URI')])
  })

  it('asks a running app which redirect URI it uses', async () => {
    const emulator = await startSpotify()
    onTestFinished(() => emulator.close())
    const { folder, run } = terminal()
    const file = join(folder, 'providers.json')
    writeFileSync(file, JSON.stringify({ spotify: { ...emulator.presetOverrides, callbackPath: '/back' } }))
    const app = await listening((_req, res) => {
      res.writeHead(303, { location: 'https://as.example/?redirect_uri=https://app.example/back' }).end()
    })
    const doctor = (address: string, baseUrl: string) =>
      run('doctor', 'spotify', '--providers', file, '--app', address, '--base-url', baseUrl)
    expect((await doctor(app, 'https://app.example')).stdout).toContain(
      'it uses the redirect URI https://app.example/back',
    )
    expect((await doctor(app, 'https://b.example')).stdout).toContain(
      'it uses https://app.example/back, and not https://b.example/back',
    )
    expect((await doctor(`http://127.0.0.1:${await freePort()}`, 'https://app.example')).stdout).toContain(
      'cannot be reached (ECONNREFUSED). Is it running?',
    )
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
    const gone = await run('doctor', 'oidc', ...set(`http://127.0.0.1:${await freePort()}`))
    expect(gone.stdout).toMatch(/✗ .*cannot be reached \(ECONNREFUSED\)/)
  })
})
