"""What a basis of diagnosis says of the verification of a tumour (R4 valueset-condition-ver-status.html).

One table for search and rendering. A registry takes a tumour in on the evidence that the basis names: an examination of
the patient or the tissue confirms it, a death certificate alone does not. Without a basis nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.model.fields import FIELDS

VERIFICATION_SYSTEM = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
DEATH_CERTIFICATE = "0"
VERIFICATION: Mapping[str, str] = {
    basis: "unconfirmed" if basis == DEATH_CERTIFICATE else "confirmed"
    for basis in (*FIELDS["basis"].values, *FIELDS["basis"].composites)
}
"""Verification status by basis of diagnosis."""
