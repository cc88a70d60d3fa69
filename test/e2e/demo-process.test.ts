import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { DemoProcess, freePort } from './demo-process.ts'

describe('npm run demo', { timeout: 150_000 }, () => {
  it('prints users, redirect URIs and the address, and ends cleanly on Ctrl-C', async () => {
    const demo = await start({ REDIS_URL: 'redis://127.0.0.1:1' })
    expect(demo.output).toContain('Spotify: emulated; sign in as Ada, Grace, Linus')
    expect(demo.output).toContain(`${demo.baseUrl}/callback/spotify`)
    expect(demo.output).toContain(`${demo.baseUrl}/callback/exbo`)
    expect(demo.output).toContain('there is no Redis store yet')
    expect(demo.output.trimEnd().split('\n').at(-1)).toBe(`ready ${demo.baseUrl}`)
    const page = await fetch(demo.baseUrl)
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('Sign in with Spotify')])
    expect(await demo.stop()).toBe(0)
    await expect(fetch(demo.baseUrl)).rejects.toThrow('fetch failed')
  })

  it('names the fix when the port is in use', async () => {
    const port = await freePort()
    const other = createServer().listen(port, '127.0.0.1')
    await once(other, 'listening')
    const started = DemoProcess.start({ PORT: String(port) })
    await expect(started).rejects.toThrow(`Port ${port} is in use. Stop that program, or choose another port`)
    other.close()
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

async function start(env: Readonly<Record<string, string>>): Promise<DemoProcess> {
  const demo = await DemoProcess.start(env)
  onTestFinished(async () => {
    await demo.stop()
  })
  return demo
}
