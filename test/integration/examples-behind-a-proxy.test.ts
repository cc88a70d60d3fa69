import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runExample } from './example-program.fixture.ts'

const baseUrl = 'https://example.com/shop'

/** A proxy that ends TLS, serves nothing but `/shop/` and strips it. Returns the address it listens on. */
async function proxyTo(port: number): Promise<string> {
  const proxy = createServer((req, res) => {
    if (!req.url?.startsWith('/shop/')) return void res.writeHead(404).end('not the shop')
    const { method, headers } = req
    const path = req.url.slice('/shop'.length)
    req.pipe(
      request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(res)
      }),
    )
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  onTestFinished(() => void proxy.close().closeAllConnections())
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` // it listens on a port
}

async function started() {
  const { port, emulators } = await runExample('behind-a-proxy', { baseUrl })
  const origins = { 'https://example.com': await proxyTo(port) }
  return { browser: () => emulators.browser({ origins }) }
}

describe('the example behind-a-proxy', () => {
  it('keeps its path in every address that a browser sees', async () => {
    const { browser } = await started()
    const ada = browser()
    const home = await ada.get(`${baseUrl}/`)
    const consent = await ada.click(home, 'Sign in with EXBO')
    expect(new URL(consent.url).searchParams.get('redirect_uri')).toBe(`${baseUrl}/callback/exbo`)
    const orders = await ada.submit(consent, { button: 'Ada' })
    expect([orders.url, orders.text]).toEqual([`${baseUrl}/orders`, expect.stringContaining('Orders of Ada')])
    expect((await ada.submit(orders, { button: 'Order' })).text).toBe('Thank you.')
    const after = await ada.submit(orders, { button: 'Sign out' })
    expect([after.url, after.text]).toEqual([`${baseUrl}/`, expect.stringContaining('Sign in with EXBO')])
  })

  it('leads through the login and back to the page that needs it', async () => {
    const { browser } = await started()
    const ada = browser()
    const choice = await ada.get(`${baseUrl}/orders`)
    expect(choice.url).toBe(`${baseUrl}/login?returnTo=%2Forders`)
    const consent = await ada.click(choice, 'Sign in with Spotify')
    const page = await ada.submit(consent, { button: 'Ada' })
    expect(page.url).toBe(`${baseUrl}/orders`)
    expect(ada.cookies.all.map(({ name, secure }) => [name, secure])).toEqual([['__Host-latchkey', true]])
  })
})
