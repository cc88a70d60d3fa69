// Behind a proxy that serves the app under a path and strips it: browsers ask for https://example.com/shop/orders, the
// app gets /orders. LATCHKEY_BASE_URL=https://example.com/shop says so; nothing is taken from the request's headers.
//
//   location /shop/ { proxy_pass http://127.0.0.1:3000/; }   # nginx: the slash at the end strips the path
import { exbo, latchkey, spotify } from '@latchkey/express'
import express from 'express'
import { html, raw } from '../html.ts'

const auth = latchkey({ providers: [spotify(), exbo()] })
const app = express()
app.use(auth)

// Latchkey's own links carry the path; those of the app are relative, or made with it.
const base = new URL(process.env.LATCHKEY_BASE_URL ?? '').pathname
app.get('/', (_req, res) => {
  res.send(
    html`<h1>Shop</h1> ${raw(auth.buttons({ returnTo: '/orders' }))} <a href="${base}/orders">Orders</a>`,
  )
})

app.get('/orders', auth.requireLogin(), (req, res) => {
  res.send(html`<h1>Orders of ${req.oauth.user?.name ?? 'somebody'}</h1>
    <form method="post" action="${base}/orders"><button>Order</button></form>
    <form method="post" action="${base}/logout"><button>Sign out</button></form>`)
})
app.post('/orders', auth.requireLogin(), (_req, res) => {
  res.send('Thank you.')
})

app.use(auth.errorHandler)
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
