// Keeps what stands behind the hash while a reader signs in: the form leads back to the whole address that was asked for.

const target = document.querySelector("[data-sign-in] [name=next]");
if (target && location.hash.length > 1) target.value = target.value.split("#")[0] + location.hash;
