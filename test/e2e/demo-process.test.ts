import { once } from 'node:events'
import { createServer } from 'node:http'
import { UserAgent } from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../free-port.ts'
import { DemoProcess, stillRunning } from './demo-process.ts'

describe('npm run demo', { timeout: 150_000 }, () => {
  it('prints users, redirect URIs and the address, and ends cleanly on Ctrl-C', async () => {
    const demo = await start()
    expect(demo.output).toContain('Spotify: emulated; sign in as Ada, Grace, Linus')
    expect(demo.output).toContain(`${demo.baseUrl}/callback/spotify`)
    expect(demo.output).toContain(`${demo.baseUrl}/callback/exbo`)
    expect(demo.output).toContain('store: the memory of the app')
    expect(demo.output.trimEnd().split('\n').at(-1)).toBe(`ready ${demo.baseUrl}`)
    const page = await fetch(demo.baseUrl)
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('Sign in with Spotify')])
    const children = await demo.children()
    expect(await demo.stop()).toBe(0)
    expect(await stillRunning(children)).toEqual([])
    await expect(fetch(demo.baseUrl)).rejects.toThrow('fetch failed')
  })

  it('runs on Fastify with --fastify', async () => {
    const demo = await start({}, ['--fastify'])
    const browser = new UserAgent()
    const page = await browser.get(demo.baseUrl)
    expect(page.text).toContain('await app.register(auth)')
    const style = await fetch(`${demo.baseUrl}/style.css`)
    expect(style.headers.get('content-type')).toContain('text/css')
    const signedIn = await browser.signIn(`${demo.baseUrl}/login/spotify`, { as: 'Ada' })
    expect(signedIn.text).toContain('<h1 id="name">Ada</h1>')
    const called = await browser.post(`${demo.baseUrl}/call-50`, {}, { from: demo.baseUrl })
    expect(called.text).toContain('50 of 50 answers were good.')
    const out = await browser.post(`${demo.baseUrl}/logout`, {}, { from: demo.baseUrl })
    expect(out.text).toContain('Sign in with Spotify')
    expect(await demo.stop()).toBe(0)
  })

  it('names the fix when the port is in use', async () => {
    const port = await freePort()
    const other = createServer().listen(port, '127.0.0.1')
    await once(other, 'listening')
    const started = DemoProcess.start({ PORT: String(port) })
    await expect(started).rejects.toThrow(`Port ${port} is in use. Stop that program, or choose another port`)
    other.close()
  })

  it.each([
    ['an option that does not exist', ['--proceses', '2'], "Unknown option '--proceses'."],
    ['a word without an option', ['2'], 'Options come after `npm run demo --`.'],
    ['no process at all', ['--processes', '0'], '--processes takes a whole number from 1 to 16.'],
    ['more than 16 processes', ['--processes=17'], '--processes takes a whole number from 1 to 16.'],
    ['half a process', ['--processes', '1.5'], '--processes takes a whole number from 1 to 16.'],
  ])('answers %s with the list of options, before anything is installed', async (_, options, message) => {
    const refused = await failure({}, options)
    expect(refused).toContain('The demo ended with 1:')
    expect(refused).toContain(message)
    expect(refused).toContain('--processes <1-16>')
    expect(refused).not.toContain('building')
  })

  it.each([
    [
      'nobody listens',
      'redis://visitor:hidden-word@127.0.0.1:1/3',
      'redis://127.0.0.1:1/3, where no Redis can be used (ECONNREFUSED)',
    ],
    ['it is no address', 'visitor:hidden-word@127.0.0.1', 'REDIS_URL must be an address like redis://'],
    [
      'its password breaks it',
      'redis://visitor/hidden-word@127.0.0.1',
      'REDIS_URL leads to redis://visitor:6379, where',
    ],
  ])('names the fix without the password when %s at REDIS_URL', async (_, url, message) => {
    const refused = await failure({ REDIS_URL: url })
    expect(refused).toContain(message)
    expect(refused).not.toContain('hidden-word')
    expect(refused).not.toContain('    at ')
  })

  it.each(['x', '0', '1.5', '-3'])('names the fix when DEMO_TOKEN_SECONDS is %s', async (seconds) => {
    const refused = await failure({ DEMO_TOKEN_SECONDS: seconds })
    expect(refused).toContain('DEMO_TOKEN_SECONDS must be a whole number of seconds from 1 up')
    expect(refused).not.toContain('    at ')
  })

  it('says what is missing when several processes have no Redis to share', async () => {
    const refused = await failure({ REDIS_SERVER_PATH: '/nowhere' }, ['--processes', '2'])
    expect(refused).toContain('REDIS_SERVER_PATH (/nowhere) is no program')
    expect(refused).toContain('Set REDIS_URL, or install one. On Debian: apt-get')
  })

  it('uses the real provider where the environment has its credentials', async () => {
    const demo = await start({
      SPOTIFY_CLIENT_ID: 'client',
      SPOTIFY_CLIENT_SECRET: 'secret-of-client',
    })
    expect(demo.output).toContain('Spotify: the real one')
    const login = await fetch(`${demo.baseUrl}/login/spotify`, {
      redirect: 'manual',
      headers: {
        'sec-fetch-site': 'same-origin',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document',
      },
    })
    expect(new URL(login.headers.get('location') ?? '').origin).toBe('https://accounts.spotify.com')
    expect(await demo.stop()).toBe(0)
  })
})

/** What the demo prints when it does not start. */
async function failure(
  env: Readonly<Record<string, string>>,
  options: readonly string[] = [],
): Promise<string> {
  return DemoProcess.start(env, options).then(
    async (demo) => {
      await demo.stop()
      return `It started:\n${demo.output}`
    },
    (error: Error) => error.message,
  )
}

async function start(
  env: Readonly<Record<string, string>> = {},
  options: readonly string[] = [],
): Promise<DemoProcess> {
  const demo = await DemoProcess.start(env, options)
  onTestFinished(async () => {
    await demo.stop()
  })
  return demo
}
