// Comfort only: everything on the page works without this file.

/** Counts down the token's life once a quarter of a second. */
function countDown() {
  const text = document.querySelector('[data-expires-at]')
  if (text === null) return
  const left = Math.max(0, text.dataset.expiresAt - Date.now() / 1000)
  document.querySelector('progress').value = left
  if (left === 0) {
    text.textContent = 'It has run out: the next call refreshes it'
    return
  }
  const amount = document.createElement('strong')
  amount.textContent = duration(left)
  text.replaceChildren(amount, ' left')
}

function duration(seconds) {
  if (seconds < 120) return `${Math.ceil(seconds)} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}

/** Sends a form without leaving the page and takes over the parts that changed. */
async function sendInPlace(form) {
  const button = form.querySelector('button')
  button.setAttribute('aria-busy', 'true')
  try {
    const reply = await fetch(form.action, { method: 'POST', headers: { accept: 'text/html' } })
    // Signed out meanwhile, or an error: the server's own page explains it.
    if (!reply.ok) return form.submit()
    const answer = new DOMParser().parseFromString(await reply.text(), 'text/html')
    for (const part of document.querySelectorAll('[data-part]')) {
      part.innerHTML = answer.querySelector(`[data-part="${part.dataset.part}"]`).innerHTML
    }
    countDown()
  } catch {
    form.submit()
  } finally {
    button.removeAttribute('aria-busy')
  }
}

document.addEventListener('submit', (event) => {
  if (!event.target.matches('[data-in-place]')) return
  event.preventDefault()
  sendInPlace(event.target)
})
countDown()
setInterval(countDown, 250)
