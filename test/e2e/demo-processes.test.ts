import { randomBytes } from 'node:crypto'
import { type PageResponse, UserAgent } from '@latchkey/testing'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { redisIsMissing, startRedis } from '../redis-server.ts'
import { DemoProcess, stillRunning } from './demo-process.ts'

/** Above the ten seconds below which no token set is refreshed. */
const tokenSeconds = 11
const two = ['--processes', '2']

describe.skipIf(redisIsMissing)('npm run demo -- --processes 2', { timeout: 150_000 }, () => {
  let demo: DemoProcess
  beforeAll(async () => {
    demo = await DemoProcess.start({ DEMO_TOKEN_SECONDS: String(tokenSeconds) }, two)
  }, 150_000)
  afterAll(async () => {
    await demo?.stop()
  })

  it('says who answers and what they share, and is ready once', () => {
    expect(demo.output).toMatch(/^store: Redis \d+\.\S+ at \/.*redis\.sock$/m)
    expect(demo.output).toMatch(/^process 1 answers \(pid \d+\)$/m)
    expect(demo.output).toMatch(/^process 2 answers \(pid \d+\)$/m)
    expect(demo.output.match(/^Spotify: emulated/gm)).toHaveLength(1)
    expect(demo.output.match(/^ready /gm)).toHaveLength(1)
    expect(demo.output.trimEnd().split('\n').at(-1)).toBe(`ready ${demo.baseUrl}`)
    expect(demo.output).not.toContain('latchkey warn')
  })

  it('answers one browser by one process after the other, and is signed in at both', async () => {
    const browser = await visitor('Ada')
    const pages = [await home(browser), await home(browser), await home(browser)]
    const [first, second, third] = pages.map(processOf)
    expect([first, second].sort()).toEqual([1, 2])
    expect(third).toBe(first)
    for (const page of pages) expect(page.text).toContain('<h1 id="name">Ada</h1>')
  })

  it('answers an expiry with one token request, whichever process is asked', async () => {
    const browser = await visitor('Grace')
    const page = await home(browser)
    const expiresAt = Number(/data-expires-at="(\d+)/.exec(page.text)?.[1])
    await new Promise((resolve) => setTimeout(resolve, expiresAt * 1000 + 500 - Date.now()))
    const callers = [browser, browser.clone(), browser.clone(), browser.clone()]
    const results = await Promise.all(callers.map((caller) => call50(caller, demo.baseUrl)))
    expect(results.map(({ good }) => good)).toEqual(callers.map(() => '50 of 50 answers were good.'))
    expect(new Set(results.map(({ by }) => by))).toEqual(new Set([1, 2]))
    // Each counts what the server saw from its own start to its own end.
    expect(Math.max(...results.map(({ tokenRequests }) => tokenRequests))).toBe(1)
    expect(refreshCount(await home(browser))).toBe(refreshCount(page) + 1)
    // Nobody had anything to complain about.
    expect(demo.output).not.toMatch(/^process \d \|/m)
  })

  it('shows sign-out everywhere to the other process at once', async () => {
    const [one, other] = [await visitor('Linus'), await visitor('Linus')]
    const done = await one.post(`${demo.baseUrl}/everywhere`, {})
    expect(done.text).toContain('Sign in with Spotify')
    const pages = [await home(other), await home(other)]
    expect(pages.map(processOf).sort()).toEqual([1, 2])
    for (const page of pages) expect(page.text).toContain('Sign in with Spotify')
  })

  it('names a process that dies, and puts another one in its place', async () => {
    const browser = await visitor('Ada')
    const pid = Number(/process 2 answers \(pid (\d+)\)/.exec(demo.output)?.[1])
    process.kill(pid, 'SIGKILL')
    await demo.prints(new RegExp(`process 2 \\(pid ${pid}\\) was ended by SIGKILL\\..*[^]*process 2 answers`))
    const pages = [await home(browser), await home(browser)]
    expect(pages.map(processOf).sort()).toEqual([1, 2])
    for (const page of pages) expect(page.text).toContain('<h1 id="name">Ada</h1>')
  })

  it('leaves no process behind after Ctrl-C, the redis-server included', async () => {
    const children = await demo.children()
    expect(children.filter(({ command }) => /redis-server|demo.server/.test(command))).toHaveLength(3)
    expect(await demo.stop()).toBe(0)
    expect(await stillRunning(children)).toEqual([])
  })

  async function visitor(user: string): Promise<UserAgent> {
    const browser = new UserAgent()
    await browser.signIn(`${demo.baseUrl}/login/spotify`, { as: user })
    return browser
  }

  function home(browser: UserAgent): Promise<PageResponse> {
    return browser.get(`${demo.baseUrl}/`)
  }
})

describe.skipIf(redisIsMissing)('the end of the demo', { timeout: 150_000 }, () => {
  it('ends every process with the one that npm started, however that ends', async () => {
    const demo = await start({}, two)
    const children = await demo.children()
    await demo.kill()
    await expect.poll(() => stillRunning(children)).toEqual([])
  })

  it('ends with a word when its redis-server has ended', async () => {
    const demo = await start({}, two)
    const children = await demo.children()
    const server = children.find(({ command }) => command.includes('redis.sock') && !command.startsWith('sh'))
    process.kill(server?.pid ?? 0, 'SIGKILL')
    await demo.prints(/The redis-server of the demo was ended by SIGKILL; the demo ends\./)
    expect(await demo.ended).toBe(1)
    expect(await stillRunning(children)).toEqual([])
  })
})

describe.skipIf(redisIsMissing)('the demo with REDIS_URL', { timeout: 150_000 }, () => {
  it('keeps everything there, under names of its own, and greets the browser of an earlier start', async () => {
    await using redis = await startRedis({ config: { requirepass: 'hidden-word' } })
    const env = { REDIS_URL: redis.url.replace('//', '//:hidden-word@') }
    const demo = await start(env)
    expect(demo.output).toContain(`at ${redis.url}\n`)
    expect(demo.output).not.toContain('hidden-word')
    const browser = new UserAgent()
    const page = await browser.signIn(`${demo.baseUrl}/login/exbo`, { as: 'Ada' })
    expect(page.text).toContain('of 1 · store: Redis')
    const keys = (await redis.command('KEYS', '*')) as readonly string[]
    expect(keys.filter((key) => !key.startsWith('latchkey-demo:'))).toEqual([])
    expect(keys.length).toBeGreaterThan(1)
    await redis.command('SET', 'latchkey-demo:of-somebody-else', '1')
    await demo.stop()
    expect(await redis.command('KEYS', '*')).toEqual(['latchkey-demo:of-somebody-else'])

    const again = await start({ ...env, PORT: new URL(demo.baseUrl).port })
    const greeting = await browser.get(`${again.baseUrl}/`)
    expect([greeting.status, greeting.text]).toEqual([200, expect.stringContaining('Sign in with EXBO')])
  })

  it('with LATCHKEY_SECRET knows the visitor of an earlier start, whose account can be added anew', async () => {
    await using redis = await startRedis()
    const env = { REDIS_URL: redis.url, LATCHKEY_SECRET: randomBytes(32).toString('base64url') }
    const demo = await start(env)
    const browser = new UserAgent()
    await browser.signIn(`${demo.baseUrl}/login/spotify`, { as: 'Ada' })
    await demo.stop()

    // The emulated provider of this start has never heard of anybody.
    await start({ ...env, PORT: new URL(demo.baseUrl).port })
    const page = await browser.get(`${demo.baseUrl}/`, { headers: { accept: 'application/json' } })
    expect([page.status, page.text]).toEqual([200, expect.stringContaining('<h1 id="name">Ada</h1>')])
    expect(page.text).toContain('The authorization of Spotify has ended: add the account anew.')
    const consent = await browser.submit(page, { button: 'Add Spotify' })
    const added = await browser.submit(consent, { button: 'Ada' })
    expect(added.text).not.toContain('has ended')
    expect((await browser.post(`${demo.baseUrl}/call`, {})).text).toContain('The answer was good.')
  })

  it('refuses a wrong password without repeating it', async () => {
    await using redis = await startRedis({ config: { requirepass: 'right-word' } })
    const started = DemoProcess.start({ REDIS_URL: redis.url.replace('//', '//:hidden-word@') })
    const refused = await started.then(
      () => 'It started.',
      (error: Error) => error.message,
    )
    expect(refused).toContain('refuses the user name or password in REDIS_URL (WRONGPASS)')
    expect(refused).not.toContain('hidden-word')
  })
})

/** What the page says after 50 calls at once. */
async function call50(
  browser: UserAgent,
  origin: string,
): Promise<{ readonly good: string; readonly tokenRequests: number; readonly by: number }> {
  const { text } = await browser.post(`${origin}/call-50`, {})
  const pattern =
    /data-result>(.*good\.) .* saw <strong>(\w+) token requests?<.*Process (\d) made the calls\./
  const [, good = text, requests, by] = pattern.exec(text) ?? []
  return { good, tokenRequests: requests === 'no' ? 0 : Number(requests), by: Number(by) }
}

function processOf({ text }: PageResponse): number {
  return Number(/Answered by process <strong>(\d)<\/strong> of 2/.exec(text)?.[1])
}

function refreshCount({ text }: PageResponse): number {
  return Number(/data-refreshed>(\d+)</.exec(text)?.[1])
}

async function start(
  env: Readonly<Record<string, string>>,
  options: readonly string[] = [],
): Promise<DemoProcess> {
  const demo = await DemoProcess.start(env, options)
  onTestFinished(async () => {
    await demo.stop()
  })
  return demo
}
