// After an error the focus goes to the first wrong field, on a whole page and after a swap.
const focusFirstError = () => document.querySelector('[aria-invalid="true"]')?.focus();
document.addEventListener("DOMContentLoaded", focusFirstError);
